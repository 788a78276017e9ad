/* `search`: conditions in the small part of WQL that the sandbox knows, and free text. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

const DAY_MS = 86_400_000;
const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const at = (time) => new Date(time).toISOString();

await crm.control('POST', '/documents/cars', [
  { _id: 'a', make: 'Seat', year: 2001, license_plate: '1234 BCD', status: { status: 'open' }, created_at: at(today - 1) },
  { _id: 'b', make: 'Citroën', year: 2002, published: true, color: null, created_at: at(today) },
  { _id: 'c', make: 'Land Rover', year: 2003, description: 'say "hi" and go', created_at: at(today + DAY_MS - 1) },
  { _id: 'd', make: 'null', year: 2004, extras: ['Techo', { deep: ['ÁBSIDE'] }], created_at: at(today + DAY_MS) },
]);

/** What is searched for, and the ids that are found. */
const SEARCHES = [
  ['', 'abcd'],
  ['   ', 'abcd'],
  ['make = Seat', 'a'],
  ['make=Seat', 'a'],
  ['make = "Land Rover"', 'c'],
  ["make = 'Land Rover'", 'c'],
  ['description = "say \\"hi\\" and go"', 'c'],
  ['make = Citroën', 'b'],
  ['make != Seat', 'bcd'],
  ['year = 2002', 'b'],
  ['year = "2002"', 'b'],
  ['year > 2002', 'cd'],
  ['year >= 2002', 'bcd'],
  ['year < 2002', 'a'],
  ['year <= 2002', 'ab'],
  ['year >= 2002 and year < 2004', 'bc'],
  ['year >= 2002 AND make != Citroën and make != "null"', 'c'],
  ['published = true', 'b'],
  ['published = false', ''],
  ['license_plate != null', 'a'],
  ['license_plate = null', 'bcd'],
  ['make = null', ''],
  ['make = "null"', 'd'],
  ['status.status = open', 'a'],
  ['created_at = $today', 'bc'],
  ['created_at != $today', 'ad'],
  ['created_at < $today', 'a'],
  ['created_at <= $today', 'abc'],
  ['created_at > $today', 'd'],
  ['created_at >= $today', 'bcd'],
  ['created_at = $today and make = Citroën', 'b'],
  ['nope = 5', ''],
  // Free text.
  ['1234 BCD', 'a'],
  ['1234 bcd', 'a'],
  ['SEAT', 'a'],
  ['citroë', 'b'],
  ['ábside', 'd'],
  ['techo', 'd'],
  ['2001', ''],
  ['say "hi" and', 'c'],
  ['nowhere', ''],
  // Not quite conditions, so free text as well.
  ['make = ', ''],
  ['= Seat', ''],
  ['make = Seat year = 2001', ''],
  ['make = Seat or year = 2002', ''],
  ['make = Seat and', ''],
];

for (const [search, expected] of SEARCHES) {
  test(`search ${JSON.stringify(search)} finds ${expected || 'nothing'}`, async () => {
    const documents = await crm.list('cars', { search, sort: '_id' });
    assert.equal(documents.map(({ _id }) => _id).join(''), expected);
  });
}

test('search and q both have to hold, and the rest of a list works with them', async () => {
  const found = async (query) => (await crm.list('cars', query)).map(({ _id }) => _id).join('');
  assert.equal(await found({ search: 'year > 2001', q: { year: { $lt: 2004 } } }), 'bc');
  assert.equal(await found({ search: 'seat', q: { year: 2002 } }), '');
  assert.equal(await found({ search: 'year > 2001', sort: '-_id', skip: 1, limit: 1 }), 'c');
  const reply = await crm.call('GET', '/cars', { query: { search: 'year > 2001', limit: 2, project: 'make -_id' } });
  assert.deepEqual([reply.json, reply.hasMore], [[{ make: 'Citroën' }, { make: 'Land Rover' }], 'true']);
});

test('values are cast by the schema', async () => {
  for (const search of ['year = Seat', 'created_at > yesterday', 'year > "x"']) {
    assertRefused(await crm.call('GET', '/cars', { query: { search } }), 400, /Cast to/);
  }
});
