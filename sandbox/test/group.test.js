/* `group_by`: how many documents there are for each combination of values. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

await crm.control('POST', '/documents/cars', [
  { _id: '1', make: 'Seat', year: 2002, status: { status: 'open' }, created_at: '2024-05-06T00:00:00.000Z' },
  { _id: '2', make: 'Audi', year: 2001, status: { status: 'open' }, status_history: [{ status: 'x' }, {}, { status: 'y' }] },
  { _id: '3', make: 'Seat', year: 2001 },
  { _id: '4', make: 'Seat', year: '2001', status: { status: null } },
  { _id: '5', year: 2001, status: { status: 'open' } },
]);

const group = (group_by, query) => crm.list('cars', { group_by, ...query });

test('a missing field is missing from _id, null is a value, 1 is not "1"', async () => {
  assert.deepEqual(await group({ status: '$status.status' }), [
    { _id: {}, count: 1 },
    { _id: { status: null }, count: 1 },
    { _id: { status: 'open' }, count: 3 },
  ]);
  assert.deepEqual(await group({ year: '$year' }), [
    { _id: { year: 2001 }, count: 3 },
    { _id: { year: 2002 }, count: 1 },
    { _id: { year: '2001' }, count: 1 },
  ]);
});

test('combinations, ordered by their values', async () => {
  assert.deepEqual(await group({ m: '$make', s: '$status.status' }), [
    { _id: { s: 'open' }, count: 1 },
    { _id: { m: 'Audi', s: 'open' }, count: 1 },
    { _id: { m: 'Seat' }, count: 1 },
    { _id: { m: 'Seat', s: null }, count: 1 },
    { _id: { m: 'Seat', s: 'open' }, count: 1 },
  ]);
});

test('a path through an array, a date, no key at all', async () => {
  assert.deepEqual(await group({ s: '$status_history.status' }, { q: { make: 'Audi' } }), [{ _id: { s: ['x', 'y'] }, count: 1 }]);
  const [, { _id: dated }] = await group({ at: '$created_at' });
  assert.deepEqual(dated, { at: '2024-05-06T00:00:00.000Z' });
  assert.deepEqual(await group({}), [{ _id: {}, count: 5 }]);
  assert.deepEqual(await group({}, { q: { make: 'none' } }), []);
});

test('sort, q, search, skip, limit and has-more', async () => {
  const keys = async (query) => (await group({ make: '$make' }, query)).map(({ _id, count }) => `${_id.make}:${count}`);
  assert.deepEqual(await keys({}), ['undefined:1', 'Audi:1', 'Seat:3']);
  assert.deepEqual(await keys({ sort: '-count' }), ['Seat:3', 'Audi:1', 'undefined:1']);
  assert.deepEqual(await keys({ sort: 'count -_id.make' }), ['Audi:1', 'undefined:1', 'Seat:3']);
  assert.deepEqual(await keys({ q: { year: 2001 } }), ['undefined:1', 'Audi:1', 'Seat:1']);
  assert.deepEqual(await keys({ search: 'year = 2002' }), ['Seat:1']);
  assert.deepEqual(await keys({ skip: 1, limit: 1 }), ['Audi:1']);
  for (const [skip, hasMore] of [[0, 'true'], [1, 'true'], [2, 'false'], [3, 'false']]) { // prettier-ignore
    const reply = await crm.call('GET', '/cars', { query: { group_by: { make: '$make' }, skip, limit: 1 } });
    assert.equal(reply.hasMore, hasMore);
  }
});

test('no more groups than documents a reply', async () => {
  await crm.control('POST', '/documents/notes', Array.from({ length: 60 }, (_, n) => ({ _id: `n${n}`, description: `d${n}` })));
  const reply = await crm.call('GET', '/notes', { query: { group_by: { d: '$description' }, limit: 100 } });
  assert.deepEqual([reply.json.length, reply.hasMore], [50, 'true']);
});

for (const group_by of [{ make: 'make' }, { make: '$' }, { make: '$$ROOT' }, { make: 1 }, { 'a.b': '$make' }, { make: { $year: '$created_at' } }]) {
  test(`400: ${JSON.stringify(group_by)}`, async () => {
    assertRefused(await crm.call('GET', '/cars', { query: { group_by } }), 400, /^group_by: /);
  });
}
