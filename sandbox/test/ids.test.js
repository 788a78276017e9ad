/*
 * Ids as ObjectIds and as strings, and the settings that go with them: what filters, sorts, URLs and bodies do.
 */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { counts: { contacts: 0 } }, settings: { ids: 'objectid' } });

beforeEach(() => crm.reset());

const set = (settings) => crm.control('PUT', '/settings', settings);
const hex = (n) => `5f2b1c9e8d3a4b00000000${String(n).padStart(2, '0')}`;
const store = (...documents) => crm.control('POST', '/documents/contacts', documents);
const numbers = async (query) => (await crm.list('contacts', query)).map(({ __v }) => __v);
const ask = (method, id, options) => crm.call(method, `/contacts/${encodeURIComponent(id)}`, options);
const patch = (path, value) => ({ body: [{ op: 'add', path, value }] });

/** Contacts 1 to 3 of clients 4 to 6, number 7 with a null and number 8 without. */
const CONTACTS = [
  ...[1, 2, 3].map((n) => ({ _id: hex(n), __v: n, client_id: hex(n + 3), lead_import_ids: [hex(n), hex(n + 1)] })),
  { _id: hex(7), __v: 7, client_id: null },
  { _id: hex(8), __v: 8 },
];

/** Filters that mean the same to both types of ids, and the contacts that they find. */
const ALIKE = [
  [{ client_id: hex(4) }, [1]],
  [{ client_id: { $ne: hex(4) } }, [2, 3, 7, 8]],
  [{ client_id: { $in: [hex(4), hex(6), null] } }, [1, 3, 7, 8]],
  [{ client_id: { $nin: [hex(4), null] } }, [2, 3]],
  [{ client_id: { $gt: hex(4) } }, [2, 3]],
  [{ client_id: { $gte: hex(4), $lt: hex(6) } }, [1, 2]],
  [{ client_id: { $not: { $lte: hex(4) } } }, [2, 3, 7, 8]],
  [{ client_id: null }, [7, 8]],
  [{ client_id: { $exists: false } }, [8]],
  [{ client_id: [hex(4), hex(5)] }, [1, 2]],
  [{ lead_import_ids: hex(2) }, [1, 2]],
  [{ lead_import_ids: { $all: [hex(2), hex(3)] } }, [2]],
  [{ 'lead_import_ids.0': hex(2) }, [2]],
  [{ lead_import_ids: { $size: 2 } }, [1, 2, 3]],
  [{ lead_import_ids: [hex(1), hex(2)] }, [1]],
  [{ _id: hex(2) }, [2]],
  [{ _id: { $gt: hex(1), $lte: hex(7) } }, [2, 3, 7]],
  [{ _id: { $in: [hex(3), hex(1), hex(9)] } }, [1, 3]],
  [{ _id: { $nin: [hex(3)] }, client_id: { $ne: null } }, [1, 2]],
  [{ $or: [{ _id: hex(1) }, { client_id: hex(6) }] }, [1, 3]],
];

for (const ids of ['objectid', 'string']) {
  for (const [q, expected] of ALIKE) {
    test(`${ids}: ${JSON.stringify(q)}`, async () => {
      await set({ ids });
      await store(...CONTACTS);
      assert.deepEqual(await numbers({ q }), expected);
      assert.deepEqual(await numbers({ q, sort: '_id' }), expected, 'by _id');
      assert.deepEqual(await numbers({ q, sort: '-_id' }), [...expected].reverse(), 'by _id, backwards');
    });
  }
}

test('$type: an ObjectId is no string', async () => {
  await store(...CONTACTS);
  const kinds = ['objectId', 7, 'string', 'null'];
  const found = async () => Promise.all(kinds.map((type) => numbers({ q: { client_id: { $type: type } } })));
  assert.deepEqual(await found(), [[1, 2, 3], [1, 2, 3], [], [7]]);
  await set({ ids: 'string' });
  assert.deepEqual(await found(), [[], [], [1, 2, 3], [7]]);
});

test('digits above 9 count alike in upper case, in filters and in URLs', async () => {
  const id = 'ABCDEF9e8d3a4b0012345678';
  await store({ _id: id.toLowerCase(), __v: 1, client_id: id.toLowerCase() });
  assert.deepEqual(await numbers({ q: { client_id: id } }), [1]);
  assert.deepEqual(await numbers({ q: { _id: { $in: [id] } } }), [1]);
  assert.equal((await ask('GET', id)).json[0]._id, id.toLowerCase());
  assert.equal((await crm.ask('POST', '/contacts', { body: { client_id: id } })).client_id, id.toLowerCase());
  await set({ ids: 'string' });
  assert.deepEqual(await numbers({ q: { client_id: id } }), []);
});

test('sorts: what is no id comes before the ids, as BSON has it', async () => {
  const values = [null, 5, 'nope', { a: 1 }, hex(1), hex(2), true];
  await store(...values.map((client_id, n) => ({ _id: hex(9 - n), __v: n, client_id })));
  assert.deepEqual(await numbers({ sort: 'client_id' }), [0, 1, 2, 3, 4, 5, 6]);
  await set({ ids: 'string' });
  assert.deepEqual(await numbers({ sort: 'client_id' }), [0, 1, 4, 5, 2, 3, 6], 'strings among strings');
});

test('a stored string that is no id equals no ObjectId, and is in no range of them', async () => {
  await store({ _id: hex(1), __v: 1, client_id: 'zz' }, { _id: 'zz', __v: 2, client_id: hex(1) });
  assert.deepEqual(await numbers({ q: { client_id: { $gt: hex(0) } } }), [2]);
  assert.deepEqual(await numbers({ q: { client_id: { $not: { $type: 'objectId' } } } }), [1]);
  assert.deepEqual(await numbers({ q: { _id: { $gte: hex(0) } }, sort: '_id' }), [1]);
  assert.deepEqual(await numbers({ sort: '_id' }), [2, 1]);
  assert.deepEqual(await numbers({ sort: '-_id' }), [1, 2]);
});

test('filter_status: the answer to a filter that cannot be cast, or that MongoDB refuses', async () => {
  for (const status of [400, 422, 500]) {
    await set({ filter_status: status });
    for (const q of [{ _id: 'nope' }, { _id: { $in: [hex(1), 'nope'] } }, { client_id: { $regex: '^5' } }, { __v: 'x' }, { $foo: 1 }]) {
      assertRefused(await crm.call('GET', '/contacts', { query: { q } }), status);
      assertRefused(await crm.call('GET', '/contacts/all', { query: { q } }), status);
    }
    assertRefused(await crm.call('GET', '/contacts', { query: { q: '{' } }), 400, /q is not valid JSON/);
    assertRefused(await crm.call('GET', '/contacts', { query: { sort: '{}' } }), 400);
  }
});

test('id_status: the answer to an id in a URL that is none', async () => {
  await store(...CONTACTS);
  for (const status of [404, 400, 422, 500]) {
    await set({ id_status: status });
    for (const id of ['nope', 'a/b', ' ', '5f2b']) {
      assertRefused(await ask('GET', id), status, /Cast to ObjectId failed/);
      assertRefused(await ask('DELETE', id), status, /Cast to ObjectId failed/);
      assertRefused(await ask('PUT', id, { body: {} }), status, /Cast to ObjectId failed/);
      assertRefused(await ask('PATCH', id, { body: [] }), status, /Cast to ObjectId failed/);
    }
    assertRefused(await ask('GET', hex(9)), 404, /there is no document/);
  }
  await set({ ids: 'string', id_status: 500 });
  assertRefused(await ask('GET', 'nope'), 404, /there is no document/);
});

test('twelve bytes are an ObjectId to Mongoose 5 to 7', async () => {
  await store({ _id: '7477656c7665206279746573', __v: 1 });
  for (const mongoose of [5, 6, 7]) {
    await set({ mongoose });
    assert.equal((await ask('GET', 'twelve bytes')).status, 200);
    assert.deepEqual(await numbers({ q: { _id: 'twelve bytes' } }), [1]);
  }
  await set({ mongoose: 8 });
  assertRefused(await ask('GET', 'twelve bytes'), 404, /Cast to ObjectId failed/);
});

for (const mongoose of [5, 6, 7, 8]) {
  test(`Mongoose ${mongoose}: a body with a text in the place of an id is answered 422`, async () => {
    await set({ mongoose });
    await store(...CONTACTS);
    for (const body of [{ _id: 'nope' }, { client_id: 'nope' }, { client_id: 5 }, { lead_import_ids: [hex(1), 'nope'] }, { computed: { _id: '' } }]) {
      assertRefused(await crm.call('POST', '/contacts', { body }), 422, /Cast to .* failed/);
      assertRefused(await ask('PUT', hex(1), { body }), 422);
    }
    assertRefused(await ask('PATCH', hex(1), patch('/client_id', 'nope')), 422, /Cast to ObjectId failed/);
    assertRefused(await ask('PATCH', hex(1), patch('/lead_import_ids/-', 'nope')), 422, /Cast to .* failed/);
    assert.deepEqual((await ask('GET', hex(1))).json, [CONTACTS[0]]);
    assert.equal((await ask('PATCH', hex(1), patch('/client_id', null))).json.client_id, null);
    assert.equal((await ask('PATCH', hex(1), patch('/client_id', hex(9)))).json.client_id, hex(9));
    const written = await crm.ask('POST', '/contacts', { body: { _id: hex(20), client_id: hex(1), lead_import_ids: [hex(2), null], foreign_ids: ['x'] } });
    assert.deepEqual([written._id, written.client_id, written.lead_import_ids, written.foreign_ids], [hex(20), hex(1), [hex(2), null], ['x']]);
    assertRefused(await crm.call('POST', '/contacts', { body: { _id: hex(20).toUpperCase() } }), 409);
    await crm.control('DELETE', '/documents/contacts');
  });
}

test('a wrong value that is stored in the place of an id already may stay there', async () => {
  await store({ _id: hex(1), client_id: 5, lead_import_ids: 'nope' });
  const kept = await ask('PUT', hex(1), { body: { client_id: 5, lead_import_ids: 'nope', name: { first_name: 'Ana' } } });
  assert.deepEqual([kept.status, kept.json.client_id, kept.json.name], [200, 5, { first_name: 'Ana' }]);
});

test('the settings work from one request to the next, and jobs keep what they were started with', async () => {
  await store(...CONTACTS);
  const q = { client_id: { $type: 'objectId' } };
  for (const [ids, expected] of [['objectid', [1, 2, 3]], ['string', []], ['objectid', [1, 2, 3]]]) {
    await set({ ids });
    assert.deepEqual(await numbers({ q }), expected);
  }
  await set({ strict_query: 'true' });
  assert.deepEqual(await numbers({ q: { zzz: 1 } }), [1, 2, 3, 7, 8]);
  await set({ strict_query: false });
  assert.deepEqual(await numbers({ q: { zzz: 1 } }), []);
  await set({ strict_query: 'default', mongoose: 6 });
  assert.deepEqual(await numbers({ q: { zzz: 1 } }), [1, 2, 3, 7, 8]);
  await set({ mongoose: 5, strict_query: 'true' });
  assert.deepEqual(await numbers({ q: { $or: [{ __v: 1 }, { zzz: 1 }] } }), [1, 2, 3, 7, 8], 'an empty arm matches everything');
  assert.deepEqual(await numbers({ q: { $nor: [{ zzz: 1 }] } }), []);
});

test('regex: read by MongoDB, by JavaScript, or by nobody', async () => {
  await store({ _id: hex(1), __v: 1, name: { first_name: 'ana\u2028' } }, { _id: hex(2), __v: 2, name: { first_name: 'ana\n' } });
  const found = (pattern, options) => crm.call('GET', '/contacts', { query: { q: { 'name.first_name': { $regex: pattern, ...options } } } });
  const these = async (reply) => (await reply).json.map(({ __v }) => __v);
  assert.deepEqual(await these(found('ana$')), [2], 'before a last line break');
  assert.deepEqual(await these(found('^(?i)ANA')).catch(() => 'unknown'), 'unknown');
  assert.deepEqual(await these(found('(?i)ANA')), [1, 2]);
  await set({ regex: 'javascript' });
  assert.deepEqual(await these(found('ana$')), []);
  assert.deepEqual(await these(found('ANA', { $options: 'i' })), [1, 2]);
  assertRefused(await found('(?i)ANA'), 400, /Invalid regular expression/);
  assertRefused(await found('a', { $options: 'x' }), 400, /Invalid flags/);
  await set({ regex: 'refused', filter_status: 422 });
  assertRefused(await found('ana'), 422, /\$regex is not allowed/);
  assert.deepEqual(await numbers({ q: { __v: 1 } }), [1]);
});
