/* POST, PUT and DELETE: what is stored, what is added, what is refused. PATCH has its own test. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

beforeEach(() => crm.reset());

const post = (body) => crm.call('POST', '/cars', { body });
const get = async (id) => (await crm.ask('GET', `/cars/${id}`))[0];
const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Is this the time of a request that was just made? */
function assertNow(time) {
  assert.match(time, ISO_INSTANT);
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
}

test('POST adds what the service adds', async () => {
  const document = await crm.ask('POST', '/cars', { body: { make: 'Seat' } });
  const { _id, created_at, updated_at, ...others } = document;
  assert.match(_id, /^[0-9a-f]{24}$/);
  assertNow(created_at);
  assert.equal(updated_at, created_at);
  assert.deepEqual(others, { __v: 0, dealer_id: DEALER, make: 'Seat' });
  assert.deepEqual(await get(_id), document);
  assert.deepEqual(await crm.list('cars', { q: { make: 'Seat' } }), [document]);
});

test('POST keeps what the body says of these', async () => {
  const body = {
    _id: 'chosen/by the client',
    __v: 3,
    dealer_id: 'another',
    created_at: '2020-01-01T00:00:00.000Z',
    updated_at: '2021-01-01T00:00:00.000Z',
  };
  assert.deepEqual(await crm.ask('POST', '/cars', { body }), body);
  assert.deepEqual(await get(encodeURIComponent(body._id)), body);
});

test('POST makes an _id where it is null', async () => {
  assert.match((await crm.ask('POST', '/cars', { body: { _id: null } }))._id, /^[0-9a-f]{24}$/);
});

test('POST: 409 for an _id that exists, and nothing is changed', async () => {
  await crm.ask('POST', '/cars', { body: { _id: 'a', make: 'first' } });
  assertRefused(await post({ _id: 'a', make: 'second' }), 409, /duplicate key/);
  assert.equal((await get('a')).make, 'first');
  await crm.ask('DELETE', '/cars/a');
  assert.equal((await post({ _id: 'a' })).status, 200, 'free again');
  await crm.ask('POST', '/notes', { body: { _id: 'a' } });
});

/** A body, and what is stored of it. */
const STORED = [
  [{ nope: 1, make: 'x' }, { make: 'x' }],
  [{ computed: { nope: 1 } }, { computed: {} }],
  [{ make: null, year: null, foreign_ids: null, status: null }, { make: null, year: null, foreign_ids: null, status: null }],
  [{ make: '', extras: [] }, { make: '', extras: [] }],
  [{ make: 5, year: '2020', published: 'true' }, { make: '5', year: 2020, published: true }],
  [{ extras: 'one' }, { extras: ['one'] }],
  [{ extras: [1, null, 'x'] }, { extras: ['1', null, 'x'] }],
  [{ purchase_date: '2024-05-06' }, { purchase_date: '2024-05-06T00:00:00.000Z' }],
  [{ purchase_date: '2024-05-06T07:08:09.123456+02:00' }, { purchase_date: '2024-05-06T05:08:09.123Z' }],
  [{ purchase_date: 0 }, { purchase_date: '1970-01-01T00:00:00.000Z' }],
  [{ make: 'ñ "\\\n\u0000\u{1F697}', year: 0.1 }, { make: 'ñ "\\\n\u0000\u{1F697}', year: 0.1 }],
  [{ status_history: [{ status: 'a', nope: 1 }, {}] }, { status_history: [{ status: 'a' }, {}] }],
];

for (const [body, stored] of STORED) {
  test(`POST ${JSON.stringify(body)}`, async () => {
    const { _id, __v, dealer_id, created_at, updated_at, ...others } = await crm.ask('POST', '/cars', { body });
    assert.deepEqual(others, stored);
  });
}

/** Bodies of POST and PUT that Mongoose cannot cast, and the path that the message names. */
const NOT_CAST = [
  [{ year: 'x' }, /year/],
  [{ published: 'perhaps' }, /published/],
  [{ make: { a: 1 } }, /make/],
  [{ make: ['a'] }, /make/],
  [{ purchase_date: 'yesterday' }, /purchase_date/],
  [{ status: 'open' }, /status/],
  [{ status: { status: {} } }, /status\.status/],
  [{ status_history: [{ assigned_at: 'x' }] }, /assigned_at/],
  [{ prices: { retail: { current_price: { price: 'x' } } } }, /price/],
  [{ extras: [{ a: 1 }] }, /extras/],
  [{ _id: { a: 1 } }, /_id/],
];

for (const [body, message] of NOT_CAST) {
  test(`422: ${JSON.stringify(body)}`, async () => {
    await crm.control('POST', '/documents/cars', [{ _id: 'a', make: 'kept' }]);
    assertRefused(await post(body), 422, message);
    assertRefused(await crm.call('PUT', '/cars/a', { body }), 422, message);
    assert.deepEqual(await crm.list('cars'), [{ _id: 'a', make: 'kept' }]);
  });
}

test('422: a body nested deeper than 100 levels', async () => {
  const nested = (levels) => `${'{"custom":'.repeat(levels)}1${'}'.repeat(levels)}`;
  assert.equal((await post(nested(100))).status, 200);
  for (const levels of [101, 2500, 20_000]) assertRefused(await post(nested(levels)), 422, /deeper than 100 levels/);
});

test('PUT replaces the whole document, but for what the service keeps', async () => {
  await crm.control('POST', '/documents/cars', [
    { _id: 'a', __v: 2, dealer_id: 'd', created_at: '2020-01-01T00:00:00.000Z', updated_at: '2020-01-01T00:00:00.000Z', make: 'x', year: 1 },
  ]);
  const document = await crm.ask('PUT', '/cars/a', { body: { year: 2, nope: 1 } });
  const { updated_at, ...others } = document;
  assertNow(updated_at);
  assert.deepEqual(others, { _id: 'a', __v: 2, dealer_id: 'd', created_at: '2020-01-01T00:00:00.000Z', year: 2 });
  assert.deepEqual(await get('a'), document);
});

test('PUT and PATCH set updated_at, unless the request changes it', async () => {
  const [before, chosen] = ['2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z'];
  const updatedAt = async (method, body) => {
    await crm.control('POST', '/documents/cars', [{ _id: 'a', updated_at: before }]);
    return (await crm.ask(method, '/cars/a', { body })).updated_at;
  };
  assert.equal(await updatedAt('PUT', { updated_at: chosen }), chosen);
  assertNow(await updatedAt('PUT', { updated_at: before }));
  assertNow(await updatedAt('PUT', {}));
  assert.equal(await updatedAt('PATCH', [{ op: 'add', path: '/updated_at', value: chosen }]), chosen);
  assertNow(await updatedAt('PATCH', [{ op: 'add', path: '/updated_at', value: before }]));
  assertNow(await updatedAt('PATCH', []));
});

test('PUT: the _id may be in the body, and must be the same', async () => {
  await crm.control('POST', '/documents/cars', [{ _id: 'a', make: 'x' }]);
  assert.equal((await crm.ask('PUT', '/cars/a', { body: { _id: 'a', make: 'y' } })).make, 'y');
  assertRefused(await crm.call('PUT', '/cars/a', { body: { _id: 'b' } }), 422, /_id is immutable/);
  assert.equal((await get('a')).make, 'y');
});

test('a wrongly typed value that is stored already may stay where it is', async () => {
  // The vendor's library lets it stay unless the patch sets it again.
  await crm.control('PUT', '/settings', { patch: 'mongoose' });
  const wrong = { year: 'MMXX', status: 'open', status_history: [{ assigned_at: 'x' }], extras: { a: 1 } };
  await crm.control('POST', '/documents/cars', [{ _id: 'a', ...wrong }]);
  const { _id, __v, dealer_id, created_at, updated_at, ...put } = await crm.ask('PUT', '/cars/a', { body: { ...wrong, make: 'y' } });
  assert.deepEqual(put, { ...wrong, make: 'y' });
  const patched = await crm.ask('PATCH', '/cars/a', {
    body: [
      { op: 'add', path: '/year', value: 'MMXX' },
      { op: 'add', path: '/make', value: 'z' },
    ],
  });
  assert.deepEqual([patched.year, patched.make], ['MMXX', 'z']);
  for (const body of [{ year: 'MMXXI' }, { make: { a: 1 } }, { status: 'closed' }]) {
    assertRefused(await crm.call('PUT', '/cars/a', { body }), 422);
  }
  assertRefused(await crm.call('PATCH', '/cars/a', { body: [{ op: 'add', path: '/year', value: 'MMXXI' }] }), 422, /year/);
});

test('DELETE', async () => {
  await crm.control('POST', '/documents/cars', [{ _id: 'a' }, { _id: 'b' }]);
  assert.deepEqual(await crm.ask('DELETE', '/cars/a'), { _id: 'a' });
  assertRefused(await crm.call('DELETE', '/cars/a'), 404);
  assert.deepEqual(await crm.list('cars'), [{ _id: 'b' }]);
});

test('generated documents can be changed, deleted and made again', async () => {
  await crm.reset({ scale: 5 });
  const ids = (await crm.list('cars', {})).map(({ _id }) => _id);
  await crm.ask('PATCH', `/cars/${ids[1]}`, { body: [{ op: 'add', path: '/make', value: 'changed' }] });
  await crm.ask('DELETE', `/cars/${ids[3]}`);
  await crm.ask('POST', '/cars', { body: { _id: 'new', make: 'new' } });
  const makes = async (query) => (await crm.list('cars', query)).map(({ make }) => make);
  assert.deepEqual(await makes({}), ['Seat', 'changed', 'Renault', 'Audi', 'new']);
  assert.deepEqual(await makes({ q: { make: 'changed' } }), ['changed']);
  await crm.ask('POST', '/cars', { body: { _id: ids[3], make: 'again' } });
  assert.deepEqual(await makes({}), ['Seat', 'changed', 'Renault', 'again', 'Audi', 'new']);
  const sorted = (await crm.list('cars', { sort: '_id' })).map(({ _id }) => _id);
  assert.deepEqual(sorted, [...ids, 'new'].sort());
});
