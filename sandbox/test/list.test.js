/* Lists: filters, order, pages, fields, and what is refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';
import { createDataset } from './support/dataset.js';

const crm = await startCrm();
const CARS = 120;
const dataset = createDataset({});
const cars = Array.from({ length: CARS }, (_, index) => dataset.document('cars', index));
const ids = (documents) => documents.map(({ _id }) => _id);

const list = (query) => crm.call('GET', '/cars', { query });

test('without parameters: the first 50 in the order of insertion', async () => {
  const reply = await list({});
  assert.deepEqual(reply.json, cars.slice(0, 50));
  assert.equal(reply.hasMore, 'true');
});

/** limit, skip, which documents come, whether there are more. */
const PAGES = [
  [0, 0, 0, 50, 'true'],
  [1, 0, 0, 1, 'true'],
  [50, 0, 0, 50, 'true'],
  [51, 0, 0, 50, 'true'],
  [1_000_000, 0, 0, 50, 'true'],
  [7, 3, 3, 10, 'true'],
  [50, 70, 70, 120, 'false'],
  [50, 69, 69, 119, 'true'],
  [50, 71, 71, 120, 'false'],
  [50, 119, 119, 120, 'false'],
  [50, 120, 0, 0, 'false'],
  [50, 9_007_199_254_740_991, 0, 0, 'false'],
];

for (const [limit, skip, from, to, hasMore] of PAGES) {
  test(`limit ${limit}, skip ${skip}`, async () => {
    const reply = await list({ limit, skip });
    assert.deepEqual(reply.json, cars.slice(from, to));
    assert.equal(reply.hasMore, hasMore);
  });
}

test('pages of a filter', async () => {
  const seats = cars.filter(({ make }) => make === 'Seat');
  const q = { make: 'Seat' };
  for (const [skip, count, hasMore] of [[0, 10, 'true'], [10, 10, 'true'], [20, 4, 'false'], [24, 0, 'false']]) { // prettier-ignore
    const reply = await list({ q, skip, limit: 10 });
    assert.deepEqual(reply.json, seats.slice(skip, skip + count));
    assert.equal(reply.hasMore, hasMore);
  }
});

test('pages by key give everything once', async () => {
  const read = [];
  for (let q = {}, more = 'true'; more === 'true'; ) {
    const reply = await list({ q, sort: '_id', limit: 7 });
    read.push(...reply.json);
    q = { _id: { $gt: read.at(-1)._id } };
    more = reply.hasMore;
  }
  assert.deepEqual(ids(read), ids(cars).sort());
});

/** The README's operators, each through the whole of the service. */
const FILTERS = [
  [{ make: 'Seat' }, (car) => car.make === 'Seat'],
  [{ $and: [{ make: 'Seat' }, { year: 2005 }] }, (car) => car.make === 'Seat' && car.year === 2005],
  [{ $or: [{ make: 'Seat' }, { year: 2001 }] }, (car) => car.make === 'Seat' || car.year === 2001],
  [{ $nor: [{ make: 'Seat' }, { price: null }] }, (car) => car.make !== 'Seat' && car.price !== undefined],
  [{ year: { $not: { $gt: 2003 } } }, (car) => car.year <= 2003],
  [{ year: { $eq: 2003 } }, (car) => car.year === 2003],
  [{ year: { $ne: 2003 } }, (car) => car.year !== 2003],
  [{ price: { $gt: 1010.5 } }, (car) => car.price > 1010.5],
  [{ price: { $gte: 1010.5, $lt: 1020.5 } }, (car) => car.price >= 1010.5 && car.price < 1020.5],
  [{ price: { $lte: 1010.5 } }, (car) => car.price <= 1010.5],
  [{ make: { $in: ['Seat', 'Audi'] } }, (car) => ['Seat', 'Audi'].includes(car.make)],
  [{ color: { $nin: ['color 1', null] } }, (car) => car.color !== null && car.color !== 'color 1'],
  [{ color: null }, (car) => car.color === null],
  [{ price: null }, (car) => car.price === undefined],
  [{ price: { $exists: false } }, (car) => car.price === undefined],
  [{ color: { $exists: true } }, () => true],
  [{ color: { $type: 'null' } }, (car) => car.color === null],
  [{ created_at: { $type: 'date' } }, () => true],
  [{ year: { $not: { $type: 'number' } } }, () => false],
  [{ make: { $regex: '^[sš]', $options: 'i' } }, (car) => /^[sš]/i.test(car.make)],
  [{ make: { $not: { $regex: 'e' } } }, (car) => !car.make.includes('e')],
  [{ year: { $mod: [10, 4] } }, (car) => car.year % 10 === 4],
  [{ foreign_ids: 'f1' }, (car) => car.foreign_ids.includes('f1')],
  [{ foreign_ids: { $all: ['f0', 'f1'] } }, (car) => car.foreign_ids.length === 2],
  [{ foreign_ids: { $size: 1 } }, (car) => car.foreign_ids.length === 1],
  [{ foreign_ids: { $elemMatch: { $gte: 'f1' } } }, (car) => car.foreign_ids.length === 2],
  [{ 'foreign_ids.1': 'f1' }, (car) => car.foreign_ids.length === 2],
  [{ foreign_ids: [] }, (car) => car.foreign_ids.length === 0],
  [{ 'custom.note': { $in: ['n1', 'n3'] } }, (car) => ['n1', 'n3'].includes(car.custom.note)],
  [{ custom: 'text' }, (car) => car.custom === 'text'],
  [{ make: 'Audi', $comment: 'why' }, (car) => car.make === 'Audi'],
  [{}, () => true],
  // Mongoose drops these, where MongoDB would refuse them.
  [{ $or: [] }, () => true],
  [{ $and: [], make: 'Audi' }, (car) => car.make === 'Audi'],
];

for (const [q, matches] of FILTERS) {
  test(`q ${JSON.stringify(q)}`, async () => {
    await crm.control('PUT', '/settings', { page_cap: 200 });
    assert.deepEqual(ids(await crm.list('cars', { q })), ids(cars.filter(matches)));
  });
}

test('conditions on _id', async () => {
  await crm.control('PUT', '/settings', { page_cap: 200 });
  const ordered = ids(cars).sort();
  const [low, high, third] = [ordered[10], ordered[90], ordered[33]];
  const table = [
    [{ _id: third }, (id) => id === third],
    [{ _id: { $eq: third } }, (id) => id === third],
    [{ _id: { $ne: third } }, (id) => id !== third],
    [{ _id: { $in: [high, third, third, 'nope'] } }, (id) => id === third || id === high],
    [{ _id: { $nin: [high, third] } }, (id) => id !== third && id !== high],
    [{ _id: { $gt: low } }, (id) => id > low],
    [{ _id: { $gte: low, $lte: high } }, (id) => id >= low && id <= high],
    [{ _id: { $gt: low, $lt: high } }, (id) => id > low && id < high],
    [{ _id: { $gt: high, $lt: low } }, () => false],
    [{ $and: [{ _id: { $gt: low } }, { _id: { $lt: third } }] }, (id) => id > low && id < third],
    [{ $and: [{ _id: { $in: [low, third] } }, { _id: { $gt: low } }] }, (id) => id === third],
    [{ _id: { $in: [low, third] }, $and: [{ _id: { $in: [third, high] } }] }, (id) => id === third],
    [{ $or: [{ _id: low }, { _id: third }] }, (id) => id === low || id === third],
    [{ _id: { $not: { $gt: low } } }, (id) => id <= low],
    [{ _id: { $regex: '^[0-3]' } }, (id) => /^[0-3]/.test(id)],
    [{ $and: [{ _id: { $gte: low } }, { _id: { $gt: low } }] }, (id) => id > low],
    [{ $and: [{ _id: { $gt: low } }, { _id: { $gte: low } }] }, (id) => id > low],
    [{ $and: [{ _id: { $lt: high } }, { _id: { $lte: high } }, { _id: { $lt: 'zz' } }] }, (id) => id < high],
    [{ _id: { $gt: low }, $and: [{ _id: { $gt: third } }, { _id: { $lte: high } }] }, (id) => id > low && id > third && id <= high],
    [{ _id: { $gte: `${low}0`, $lte: `${high}0` } }, (id) => id > low && id <= high],
    [{ _id: { $gt: low, $ne: third } }, (id) => id > low && id !== third],
    [{ _id: { $gt: low }, make: 'Seat' }, (id) => id > low && cars.find(({ _id }) => _id === id).make === 'Seat'],
    [{ _id: { $gt: '' } }, () => true],
    [{ _id: { $gt: 'zz' } }, () => false],
    [{ _id: null }, () => false],
    [{ _id: { $in: [] } }, () => false],
  ];
  for (const [q, matches] of table) {
    const expected = ordered.filter(matches);
    assert.deepEqual(ids(await crm.list('cars', { q, sort: '_id' })), expected, JSON.stringify(q));
    assert.deepEqual(ids(await crm.list('cars', { q, sort: '-_id' })), [...expected].reverse(), JSON.stringify(q));
    assert.deepEqual(ids(await crm.list('cars', { q })), ids(cars).filter((id) => expected.includes(id)), JSON.stringify(q));
  }
  await crm.reset();
});

/** In which places MongoDB puts what is null or missing: first when ascending. */
const SORTS = [
  ['-created_at', (a, b) => b.created_at.localeCompare(a.created_at)],
  ['year -_id', (a, b) => a.year - b.year || (a._id < b._id ? 1 : -1)],
  ['price', (a, b) => (a.price ?? 0) - (b.price ?? 0)],
  ['-price', (a, b) => (b.price ?? 0) - (a.price ?? 0)],
];

for (const [sort, compare] of SORTS) {
  test(`sort ${sort}; what is equal stays in the order of insertion`, async () => {
    const expected = ids([...cars].sort(compare));
    const first = await list({ sort, project: '_id' });
    const second = await list({ sort, project: '_id', skip: 50 });
    assert.deepEqual(ids([...first.json, ...second.json]), expected.slice(0, 100));
    const filtered = ids(await crm.list('cars', { sort, q: { make: 'Seat' } }));
    assert.deepEqual(filtered, expected.filter((id) => cars.find((car) => car._id === id).make === 'Seat'));
    const chosen = ids(cars.slice(3, 9));
    assert.deepEqual(ids(await crm.list('cars', { sort, q: { _id: { $in: chosen } } })), expected.filter((id) => chosen.includes(id)));
  });
}

test('strings sort and compare by UTF-8 bytes', async () => {
  const makes = ['\u{1F697}', '\uffff', 'é', 'z', 'Z', '\u{10000}', '\ue000', ''];
  await crm.control('POST', '/documents/notes', makes.map((description, n) => ({ _id: `n${n}`, description })));
  const q = { _id: { $regex: '^n' } };
  const byBytes = [...makes].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const texts = async (query) => (await crm.list('notes', query)).map(({ description }) => description);
  assert.deepEqual(await texts({ q, sort: 'description' }), byBytes);
  assert.deepEqual(await texts({ q: { ...q, description: { $gt: '\uffff' } }, sort: 'description' }), ['\u{10000}', '\u{1F697}']);
});

test('ids sort by UTF-8 bytes too, added to the generated ones', async () => {
  const added = ['\u{1F697}', '\uffff', 'x', '', '5'];
  await crm.control('POST', '/documents/sms', added.map((_id) => ({ _id })));
  const byBytes = [...added, ...[0, 1, 2].map((index) => dataset.id('sms', index))].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  assert.deepEqual(ids(await crm.list('sms', { sort: '_id' })), byBytes);
  assert.deepEqual(ids(await crm.list('sms', { sort: '_id', q: { _id: { $gt: 'x' } } })), byBytes.slice(-2));
});

test('project: fields by path, all but some, always _id unless it is excluded', async () => {
  const [, car] = cars;
  const one = async (project) => (await crm.list('cars', { project, skip: 1, limit: 1 }))[0];
  assert.deepEqual(await one('make'), { _id: car._id, make: car.make });
  assert.deepEqual(await one('_id'), { _id: car._id });
  assert.deepEqual(await one('make -_id'), { make: car.make });
  assert.deepEqual(await one('custom.note custom.nope nope'), { _id: car._id, custom: car.custom });
  const { custom, make, ...others } = car;
  assert.deepEqual(await one('-custom -make'), others);
  assert.deepEqual(await one(''), car);
});

/** Parameters that are refused, and with what words. */
const REFUSED = [
  [{ q: '' }, /^q is not valid JSON/],
  [{ q: '{"a":' }, /^q is not valid JSON/],
  [{ q: '[]' }, /^q must be a JSON object/],
  [{ q: '5' }, /^q must be a JSON object/],
  [{ q: 'null' }, /^q must be a JSON object/],
  [{ group_by: 'make' }, /^group_by is not valid JSON/],
  [{ group_by: '[]' }, /^group_by must be a JSON object/],
  [{ q: { $where: 'true' } }, /\$where/],
  [{ q: { $expr: true } }, /./],
  [{ q: { $text: { $search: 'x' } } }, /\$text/],
  [{ q: { make: { $near: 1 } } }, /./],
  [{ q: { $or: {} } }, /\$or/],
  [{ q: { $or: [1] } }, /\$or/],
  [{ q: { custom: { $in: 5 } } }, /\$in/],
  [{ q: { make: { $regex: '(' } } }, /Regular expression is invalid/],
  [{ q: { make: { $regex: '(?>a)' } } }, /the sandbox does not know/],
  [{ q: { make: { $regex: 'a', $options: 'g' } } }, /invalid flag/],
  [{ skip: '-1' }, /^skip must be a non-negative integer, not -1/],
  [{ skip: '1.5' }, /^skip must be/],
  [{ skip: '' }, /^skip must be/],
  [{ limit: 'x' }, /^limit must be a non-negative integer, not x/],
  [{ limit: '0x10' }, /^limit must be/],
  [{ limit: '99999999999999999999' }, /^limit must be/],
  [{ project: 'make make.model' }, /Path collision/],
  [{ project: 'make -model' }, /Cannot do exclusion/],
  [{ sort: '-' }, /a field without a name/],
];

for (const [query, message] of REFUSED) {
  test(`400: ${JSON.stringify(query)}`, async () => {
    assertRefused(await list(query), 400, message);
  });
}

test('400: keys in parallel arrays, found out while sorting', async () => {
  await crm.control('POST', '/documents/tasks', [{ _id: 'parallel', foreign_ids: ['a'], bulk_import_ids: ['b'] }]);
  assertRefused(await crm.call('GET', '/tasks', { query: { sort: 'foreign_ids bulk_import_ids' } }), 400, /parallel arrays/);
});

test('400: a filter nested deeper than 100 levels', async () => {
  const nested = (levels) => JSON.parse('{"custom":'.repeat(levels) + '1' + '}'.repeat(levels));
  assert.equal((await list({ q: nested(100) })).status, 200);
  assertRefused(await list({ q: nested(101) }), 400, /deeper than 100 levels/);
});

test('a projection keeps members of any name', async () => {
  const _id = 'a'.repeat(24);
  const stored = `{"_id":"${_id}","custom":{"__proto__":{"a":1},"constructor":2}}`;
  await crm.control('POST', '/documents/cars', JSON.parse(`[${stored}]`));
  const { text } = await crm.call('GET', '/cars', { query: { q: { _id }, project: 'custom.__proto__ custom.constructor' } });
  assert.equal(text, `[${stored}]`);
  const without = await crm.call('GET', '/cars', { query: { q: { _id }, project: '-make -custom.constructor' } });
  assert.equal(without.text, `[{"_id":"${_id}","custom":{"__proto__":{"a":1}}}]`);
  await crm.control('DELETE', `/documents/cars/${_id}`);
});
