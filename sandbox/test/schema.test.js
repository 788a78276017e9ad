/*
 * Types: how the values of filters and bodies are cast by the schema, what cannot be cast, what the
 * schema does not know, and dates that are none.
 */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

beforeEach(() => crm.reset());

const CAR = {
  _id: 'car',
  make: '5',
  year: 2020,
  published: true,
  created_at: '2024-05-06T07:08:09.010Z',
  foreign_ids: ['7', 'x'],
  status: { status: 'open', user: 'u1' },
  status_history: [
    { status: 'new', assigned_at: '2024-01-01T00:00:00.000Z' },
    { status: 'open', assigned_at: '2024-02-01T00:00:00.000Z' },
  ],
  prices: { retail: { current_price: { price: 9999.5, created_at: '2024-03-01T00:00:00.000Z' } } },
  custom: { 'Nº': 5, when: '2024-05-06T07:08:09.010Z' },
};

/** Does a list with this filter have the car? */
async function finds(q) {
  await crm.control('POST', '/documents/cars', [CAR]);
  return (await crm.list('cars', { q })).length === 1;
}

/** Filters whose values have another type than the field, and whether they find the car. */
const CAST = [
  [{ make: 5 }, true],
  [{ make: { $in: [5, null] } }, true],
  [{ make: { $gt: 4, $lt: 6 } }, true],
  [{ make: true }, false],
  [{ year: '2020' }, true],
  [{ year: { $gte: '2020', $lt: '2021' } }, true],
  [{ year: { $nin: ['2020'] } }, false],
  [{ year: { $not: { $gt: '2019' } } }, false],
  [{ year: '' }, false],
  // An array for a field that is none means any of its elements.
  [{ year: [1, '2020'] }, true],
  [{ published: 'true' }, true],
  [{ published: 1 }, true],
  [{ published: { $ne: 'no' } }, true],
  [{ foreign_ids: 7 }, true],
  [{ foreign_ids: { $all: [7, 'x'] } }, true],
  [{ 'foreign_ids.0': 7 }, true],
  [{ foreign_ids: { $size: '2' } }, true],
  [{ 'prices.retail.current_price.price': '9999.5' }, true],
  [{ created_at: '2024-05-06T07:08:09.010Z' }, true],
  [{ created_at: '2024-05-06T09:08:09.01+02:00' }, true],
  [{ created_at: 1714979289010 }, true],
  [{ created_at: { $gte: '2024-05-06', $lt: '2024-05-07' } }, true],
  [{ created_at: { $gt: '2024-05-06T07:08:09.010Z' } }, false],
  [{ created_at: { $in: ['2024-05-06T07:08:09.010Z', null] } }, true],
  [{ 'prices.retail.current_price.created_at': { $lt: '2024-03-01T00:00:00.001Z' } }, true],
  [{ 'status_history.assigned_at': { $gt: '2024-01-31' } }, true],
  [{ 'status_history.0.assigned_at': { $gt: '2024-01-31' } }, false],
  [{ status_history: { $elemMatch: { status: 'new', assigned_at: { $gt: '2024-01-31' } } } }, false],
  [{ status_history: { $elemMatch: { status: 'open', assigned_at: { $gt: '2024-01-31' } } } }, true],
  [{ $or: [{ year: '1' }, { $and: [{ year: '2020' }, { make: 5 }] }] }, true],
  [{ $nor: [{ year: '2020' }] }, false],
  // Free form: compared as they are.
  [{ 'custom.Nº': 5 }, true],
  [{ 'custom.Nº': '5' }, false],
  [{ 'custom.when': '2024-05-06T07:08:09.010Z' }, true],
];

for (const [q, expected] of CAST) {
  test(`cast: ${JSON.stringify(q)} ${expected ? 'finds' : 'does not find'}`, async () => {
    assert.equal(await finds(q), expected);
  });
}

const NOT_CAST = [
  { year: 'x' },
  { year: { $gt: 'x' } },
  { year: { $in: [1, 'x'] } },
  { year: { $not: { $gt: 'x' } } },
  { year: {} },
  { year: [1, 'x'] },
  { year: { $regex: '2' } },
  { published: 'perhaps' },
  { make: { a: 1 } },
  { make: { $gt: { a: 1 } } },
  { make: { $size: 1 } },
  { created_at: 'yesterday' },
  { created_at: { $gt: '2024-13-01' } },
  { created_at: { $regex: '^2024' } },
  { 'status.status': { a: 1 } },
  { 'prices.retail.current_price.price': 'x' },
  { 'status_history.assigned_at': 'x' },
  { status_history: { $elemMatch: { assigned_at: 'x' } } },
  { status: 5 },
  { $or: [{ make: 'x' }, { year: 'x' }] },
  { $and: [{ $nor: [{ year: 'x' }] }] },
];

for (const q of NOT_CAST) {
  test(`cannot be cast: ${JSON.stringify(q)}`, async () => {
    assertRefused(await crm.call('GET', '/cars', { query: { q } }), 400);
    assertRefused(await crm.call('GET', '/cars/all', { query: { q } }), 400);
  });
}

test('Mongoose puts the fields of a subdocument into the order of the schema', async () => {
  const status = { status: 'open', user: 'u1' };
  assert.equal(await finds({ status }), false, 'this one was stored otherwise');
  await crm.ask('POST', '/cars', { body: { _id: 'written', status } });
  for (const q of [{ status }, { status: { $eq: status } }, { status: { user: 'u1', status: 'open' } }]) {
    assert.deepEqual((await crm.list('cars', { q })).map(({ _id }) => _id), ['written']);
  }
});

test('paths outside the schema are filtered as they are', async () => {
  await crm.control('POST', '/documents/cars', [{ _id: 'with', nope: 5, computed: { nope: ['a'] } }, { _id: 'without' }]);
  const ids = async (q) => (await crm.list('cars', { q })).map(({ _id }) => _id);
  assert.deepEqual(await ids({ nope: 5 }), ['with']);
  assert.deepEqual(await ids({ nope: '5' }), []);
  assert.deepEqual(await ids({ nope: null }), ['without']);
  assert.deepEqual(await ids({ 'computed.nope': 'a' }), ['with']);
});

test('strict_query drops them, and what is left of the filter may match everything', async () => {
  await crm.control('POST', '/documents/cars', [{ _id: 'with', nope: 5, make: 'Seat' }, { _id: 'without' }]);
  await crm.control('PUT', '/settings', { strict_query: true });
  const ids = async (q) => (await crm.list('cars', { q })).map(({ _id }) => _id);
  assert.deepEqual(await ids({ nope: 1 }), ['with', 'without']);
  assert.deepEqual(await ids({ 'computed.nope': 1, make: 'Seat' }), ['with']);
  assert.deepEqual(await ids({ $or: [{ nope: 1 }, { make: 'Seat' }] }), ['with']);
  assert.deepEqual(await ids({ $or: [{ nope: 1 }] }), ['with', 'without']);
  assert.deepEqual(await ids({ 'custom.anything': null }), ['with', 'without']);
  assert.deepEqual(await ids({ 'custom.anything': 1 }), []);
});

test('custom and *_customs are free form, at any depth', async () => {
  for (const free of ['text', 5, true, null, ['a', { b: 1 }], { 'a b': { c: [] } }]) {
    const body = {
      custom: free,
      computed: { client_customs: free, client_gdpr: { custom: free }, appointments: [{ appointment_customs: free }] },
    };
    const document = await crm.ask('POST', '/saleleads', { body });
    assert.deepEqual(document.custom, free);
    assert.deepEqual(document.computed, body.computed);
  }
});

test('a string in a date field is a date if it is ISO 8601, and is sent as it was stored', async () => {
  const dates = [
    '2024-05-06',
    '2024-05-06T07:08Z',
    '2024-05-06T07:08:09.123456Z',
    '2024-05-06T07:08:09+0200',
    '2024-05-06 07:08:09Z',
    '+012024-05-06T00:00:00Z',
  ];
  const others = ['06/05/2024', 'May 6, 2024', '2024', '2024-13-01', '2024-05-06T25:00Z', 'yesterday', '', 1714979289010, null, {}];
  const values = [...dates, ...others];
  await crm.control('POST', '/documents/cars', values.map((purchase_date, n) => ({ _id: String(n), purchase_date })));
  const found = async (condition) =>
    (await crm.list('cars', { q: { purchase_date: condition } })).map(({ purchase_date }) => purchase_date);
  assert.deepEqual(await found({ $type: 'date' }), dates);
  assert.deepEqual(await found({ $gt: '1900-01-01' }), dates);
  assert.deepEqual(await found({ $not: { $type: 'date' } }), others);
});

test('dates sort as dates, after the strings that are none', async () => {
  const ordered = [null, 5, '2024', 'yesterday', '2024-05-06T03:00:00+05:00', '2024-05-06', '2024-05-06T00:00:00.001Z'];
  const documents = ordered.map((purchase_date, n) => ({ _id: String(n), purchase_date }));
  await crm.control('POST', '/documents/cars', [...documents].reverse());
  assert.deepEqual(await crm.list('cars', { sort: 'purchase_date' }), documents);
});

test('wrongly typed values are filtered and sorted as what they are', async () => {
  const values = [null, 7, '2019', { a: 1 }, [2020, 'x'], true];
  await crm.control('POST', '/documents/cars', values.map((year, n) => ({ _id: String(n), year })));
  const years = async (query) => (await crm.list('cars', query)).map(({ year }) => year);
  assert.deepEqual(await years({ q: { year: { $gte: 0 } } }), [7, [2020, 'x']]);
  assert.deepEqual(await years({ q: { year: { $not: { $type: 'number' } } } }), [null, '2019', { a: 1 }, true]);
  assert.deepEqual(await years({ q: { year: { $type: ['object', 'bool'] } } }), [{ a: 1 }, true]);
  assert.deepEqual(await years({ sort: 'year' }), [null, 7, [2020, 'x'], '2019', { a: 1 }, true]);
});
