/*
 * What a list costs: a page by key looks at about the documents that it sends, however many there
 * are. Counted, not timed, by a data set that knows how often it was asked.
 */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { startCrm } from './support/crm.js';
import { createDataset } from './support/dataset.js';

const COUNT = 50_000;
const PAGE = 50;
/** Steps of a binary search through them all, and some to spare. */
const SEARCH = 20;

const asked = { id: 0, document: 0 };

function countingDataset(data) {
  const dataset = createDataset(data);
  const counted = (name) => (resource, index) => {
    asked[name]++;
    return dataset[name](resource, index);
  };
  return { ...dataset, id: counted('id'), document: counted('document') };
}

const crm = await startCrm({ data: { scale: COUNT }, dataset: countingDataset });

beforeEach(() => crm.reset());

/** What the calls of the data set were in the meantime. */
async function costOf(action) {
  Object.assign(asked, { id: 0, document: 0 });
  const result = await action();
  return { ...asked, result };
}

function assertCheap({ id, document }, pages = 1) {
  assert.ok(document <= pages * (PAGE + 2), `${document} documents were made`);
  assert.ok(id <= pages * (PAGE + SEARCH) * 2, `${id} ids were made`);
}

const keyPage = (after, query) => crm.list('cars', { q: { _id: { $gt: after } }, sort: '_id', limit: PAGE, ...query });
const pageInMiddle = () => keyPage('800000000000000000000000');

test('the first list puts the ids in order, once', async () => {
  const { id } = await costOf(() => keyPage(''));
  assert.ok(id >= COUNT && id < COUNT + 200);
});

test('a page by key, in either direction, with bounds', async () => {
  await keyPage('');
  assertCheap(await costOf(pageInMiddle));
  assertCheap(await costOf(() => crm.list('cars', { q: { _id: { $lt: '4' } }, sort: '-_id', limit: PAGE })));
  assertCheap(await costOf(() => crm.list('cars', { q: { _id: { $gt: '4', $lte: '41' } }, sort: '_id', limit: PAGE })));
  assertCheap(await costOf(() => crm.list('cars', { q: { $and: [{ _id: { $gt: '5' } }, { _id: { $lt: '6' } }] }, sort: '_id' })));
  assertCheap(await costOf(() => crm.list('cars', { q: { _id: { $gt: 'g' } }, sort: '_id' })));
});

test('pages by key one after the other', async () => {
  await keyPage('');
  const cost = await costOf(async () => {
    let last = '9';
    for (let n = 0; n < 20; n++) last = (await keyPage(last)).at(-1)._id;
  });
  assertCheap(cost, 20);
});

test('a document by id, and several', async () => {
  const ids = (await pageInMiddle()).map(({ _id }) => _id);
  assertCheap(await costOf(() => crm.ask('GET', `/cars/${ids[7]}`)));
  assertCheap(await costOf(() => crm.list('cars', { q: { _id: ids[8] } })));
  const { document, result } = await costOf(() => crm.list('cars', { q: { _id: { $in: ids.slice(10, 20) } } }));
  assert.equal(result.length, 10);
  assert.ok(document <= 10);
});

test('pages by skip, in the order of ids and in that of insertion', async () => {
  await keyPage('');
  assertCheap(await costOf(() => crm.list('cars', { sort: '_id', skip: 40_000 })));
  assertCheap(await costOf(() => crm.list('cars', { skip: 40_000 })));
});

test('pages of a filter go on where the last one ended', async () => {
  const page = (skip) => crm.list('cars', { q: { year: { $gte: 2000 } }, skip });
  await page(0);
  assertCheap(await costOf(() => page(50)));
  assertCheap(await costOf(() => page(100)));
});

test('a sort looks at every document once, for all of its pages', async () => {
  const page = (skip) => crm.list('cars', { sort: '-year _id', skip });
  const first = await costOf(() => page(0));
  assert.ok(first.document > 0.9 * COUNT && first.document <= COUNT + PAGE + 1, `${first.document} documents were made`);
  assertCheap(await costOf(() => page(50)));
});

test('a page by key between writes', async () => {
  await keyPage('');
  const { _id } = (await keyPage('3'))[20];
  const writes = [
    ['POST', '/cars', { make: 'new' }],
    ['DELETE', `/cars/${_id}`],
    ['POST', '/cars', { _id: '700000000000000000000000' }],
    ['PATCH', '/cars/700000000000000000000000', [{ op: 'add', path: '/make', value: 'x' }]],
  ];
  for (const [method, path, body] of writes) {
    await crm.ask(method, path, { body });
    assertCheap(await costOf(pageInMiddle));
  }
});

test('what was read before is sent again without being made', async () => {
  const queries = [{}, { project: 'make' }, { project: '-custom' }];
  for (const query of queries) {
    const page = () => keyPage('a', query);
    const first = await costOf(page);
    const again = await costOf(page);
    assert.deepEqual([again.result, again.document], [first.result, 0]);
  }
});

test('a document that was read before is read from its text', async () => {
  const [{ _id }] = await keyPage('b');
  const { document, result } = await costOf(() => crm.list('cars', { q: { _id, make: { $exists: true } } }));
  assert.deepEqual([document, result.length], [0, 1]);
});

test('what was changed is sent as it is now', async () => {
  const [first, second, third] = await keyPage('c');
  await crm.ask('PATCH', `/cars/${first._id}`, { body: [{ op: 'add', path: '/make', value: 'changed' }] });
  await crm.ask('DELETE', `/cars/${second._id}`);
  const page = await keyPage('c');
  assert.deepEqual([page[0].make, page[1]], ['changed', third]);
  await crm.reset();
  assert.deepEqual((await keyPage('c')).slice(0, 3), [first, second, third]);
});
