/*
 * What Mongoose makes of a filter: for each version, value of strictQuery and type of ids. A row names the
 * kinds as in "5 on objectid", where "on" is strictQuery, by its value or the version; what a row does not name is any. The results are Mongoose's own.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

const ID = '5f2b1c9e8d3a4b0012345678';
const OTHER = '5f2b1c9e8d3a4b0012345679';
const oid = (hex = ID) => ({ $oid: hex });
const day = (text) => ({ $date: `${text}T00:00:00.000Z` });
const refused = (message) => ({ refused: message });

/** The filter, then pairs of kinds and what becomes of it there; the first pair that fits a kind counts. */
const TABLE = [
  // Ids: as ObjectIds they are nothing but 24 hexadecimal digits, or 12 bytes to older versions.
  [{ client_id: ID }, 'objectid', { client_id: oid() }, 'any', { client_id: ID }],
  [{ client_id: ID.toUpperCase() }, 'objectid', { client_id: oid() }, 'any', { client_id: ID.toUpperCase() }],
  [{ client_id: null }, 'any', { client_id: null }],
  [{ client_id: 'nope' }, 'objectid', refused(/Cast to ObjectId failed for value "nope" .*at path "client_id"/), 'any', { client_id: 'nope' }],
  [{ client_id: '' }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { client_id: '' }],
  [{ client_id: 5 }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { client_id: '5' }],
  [{ client_id: 'twelve bytes' }, '8 objectid', refused(/Cast to ObjectId failed/), 'objectid', { client_id: oid('7477656c7665206279746573') }, 'any', { client_id: 'twelve bytes' }],
  [{ client_id: { $in: [ID, null] } }, 'objectid', { client_id: { $in: [oid(), null] } }, 'any', { client_id: { $in: [ID, null] } }],
  [{ client_id: { $nin: [ID, null] } }, 'objectid', { client_id: { $nin: [oid(), null] } }, 'any', { client_id: { $nin: [ID, null] } }],
  [{ client_id: { $in: [] } }, 'any', { client_id: { $in: [] } }],
  [{ client_id: { $in: [ID, 'nope'] } }, 'objectid', refused(/Cast to ObjectId failed for value "nope"/), 'any', { client_id: { $in: [ID, 'nope'] } }],
  [{ client_id: { $nin: ['nope'] } }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { client_id: { $nin: ['nope'] } }],
  [{ client_id: { $gt: ID, $lte: OTHER } }, 'objectid', { client_id: { $gt: oid(), $lte: oid(OTHER) } }, 'any', { client_id: { $gt: ID, $lte: OTHER } }],
  [{ client_id: { $gt: '5f' } }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { client_id: { $gt: '5f' } }],
  [{ client_id: { $not: { $gt: ID } } }, 'objectid', { client_id: { $not: { $gt: oid() } } }, 'any', { client_id: { $not: { $gt: ID } } }],
  [{ client_id: { $not: { $in: ['nope'] } } }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { client_id: { $not: { $in: ['nope'] } } }],
  [{ client_id: { $ne: null } }, 'any', { client_id: { $ne: null } }],
  [{ client_id: { $exists: true } }, 'any', { client_id: { $exists: true } }],
  [{ client_id: { $type: 'string' } }, 'any', { client_id: { $type: 'string' } }],
  [{ client_id: { $regex: '^5f' } }, 'objectid', refused(/Can't use \$regex/), 'any', { client_id: { $regex: '^5f' } }],
  [{ client_id: { $not: { $regex: '^5f' } } }, 'objectid', refused(/Can't use \$regex/), 'any', { client_id: { $not: { $regex: '^5f' } } }],
  [{ _id: 'nope' }, 'objectid', refused(/at path "_id"/), 'any', { _id: 'nope' }],
  [{ _id: { $in: [ID, 'nope'] } }, 'objectid', refused(/at path "_id"/), 'any', { _id: { $in: [ID, 'nope'] } }],
  [{ 'status.user': ID }, 'objectid', { 'status.user': oid() }, 'any', { 'status.user': ID }],
  [{ 'status_history.user': ID }, 'objectid', { 'status_history.user': oid() }, 'any', { 'status_history.user': ID }],
  [{ 'status_history.0.user': ID }, 'objectid', { 'status_history.0.user': oid() }, 'any', { 'status_history.0.user': ID }],
  [{ status_history: { $elemMatch: { user: ID } } }, 'objectid', { status_history: { $elemMatch: { user: oid() } } }, 'any', { status_history: { $elemMatch: { user: ID } } }],
  [{ status_history: { $elemMatch: { user: 'nope' } } }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { status_history: { $elemMatch: { user: 'nope' } } }],
  [{ lead_import_ids: ID }, 'objectid', { lead_import_ids: oid() }, 'any', { lead_import_ids: ID }],
  [{ lead_import_ids: 'nope' }, 'objectid', refused(/Cast to/), 'any', { lead_import_ids: 'nope' }],
  [{ lead_import_ids: { $in: [ID, null] } }, 'objectid', { lead_import_ids: { $in: [oid(), null] } }, 'any', { lead_import_ids: { $in: [ID, null] } }],
  [{ 'lead_import_ids.0': ID }, 'objectid', { 'lead_import_ids.0': oid() }, 'any', { 'lead_import_ids.0': ID }],
  [{ $or: [{ client_id: ID }, { client_id: 'nope' }] }, 'objectid', refused(/Cast to ObjectId failed/), 'any', { $or: [{ client_id: ID }, { client_id: 'nope' }] }],
  [{ foreign_ids: 'nope' }, 'any', { foreign_ids: 'nope' }],

  // Other types.
  [{ inquiry: 5 }, 'any', { inquiry: '5' }],
  [{ inquiry: { $regex: '^a', $options: 'i' } }, 'any', { inquiry: { $regex: '^a', $options: 'i' } }],
  [{ inquiry: { $type: 'string' } }, 'any', { inquiry: { $type: 'string' } }],
  [{ created_at: '2024-05-06' }, 'any', { created_at: day('2024-05-06') }],
  [{ created_at: { $gte: '2024-05-06', $lt: null } }, 'any', { created_at: { $gte: day('2024-05-06'), $lt: null } }],
  [{ created_at: { $regex: '^2024' } }, 'any', refused(/Can't use \$regex/)],
  [{ created_at: 'mañana' }, 'any', refused(/Cast to date failed/)],
  [{ __v: '5' }, 'any', { __v: 5 }],
  [{ __v: 'x' }, 'any', refused(/Cast to [Nn]umber failed/)],
  [{ __v: { $regex: '5' } }, 'any', refused(/Cast to number failed|Can't use \$regex/)],
  [{ __v: { $type: ['number', 'null'] } }, 'any', { __v: { $type: ['number', 'null'] } }],
  [{ 'custom.a.b': 5 }, 'any', { 'custom.a.b': 5 }],

  // Paths outside the schema, where strictQuery is on.
  [{ zzz: 1 }, 'on', {}, 'any', { zzz: 1 }],
  [{ zzz: 1, inquiry: 'a' }, 'on', { inquiry: 'a' }, 'any', { zzz: 1, inquiry: 'a' }],
  [{ zzz: { $ne: 1 } }, 'on', {}, 'any', { zzz: { $ne: 1 } }],
  [{ 'status.zzz': 1 }, '5 on', { 'status.zzz': null }, 'on', {}, 'any', { 'status.zzz': 1 }],
  [{ 'status_history.zzz': 1 }, '5 on', { 'status_history.zzz': null }, 'on', {}, 'any', { 'status_history.zzz': 1 }],
  [{ $and: [{ zzz: 1 }, { inquiry: 'a' }] }, '5 on', { $and: [{}, { inquiry: 'a' }] }, 'on', { $and: [{ inquiry: 'a' }] }, 'any', { $and: [{ zzz: 1 }, { inquiry: 'a' }] }],
  [{ $or: [{ inquiry: 'a' }, { zzz: 1 }] }, '5 on', { $or: [{ inquiry: 'a' }, {}] }, 'on', { $or: [{ inquiry: 'a' }] }, 'any', { $or: [{ inquiry: 'a' }, { zzz: 1 }] }],
  [{ $or: [{ zzz: 1 }] }, '5 on', { $or: [{}] }, 'on', {}, 'any', { $or: [{ zzz: 1 }] }],
  [{ $nor: [{ zzz: 1 }] }, '5 on', { $nor: [{}] }, 'on', {}, 'any', { $nor: [{ zzz: 1 }] }],
  [{ $nor: [{ inquiry: 'a' }, { zzz: 1 }] }, '5 on', { $nor: [{ inquiry: 'a' }, {}] }, 'on', { $nor: [{ inquiry: 'a' }] }, 'any', { $nor: [{ inquiry: 'a' }, { zzz: 1 }] }],
  [{ $or: [{ $and: [{ zzz: 1 }, { inquiry: 'a' }] }, { inquiry: 'b' }] }, '5 on', { $or: [{ $and: [{}, { inquiry: 'a' }] }, { inquiry: 'b' }] }, 'on', { $or: [{ $and: [{ inquiry: 'a' }] }, { inquiry: 'b' }] }, 'any', { $or: [{ $and: [{ zzz: 1 }, { inquiry: 'a' }] }, { inquiry: 'b' }] }],

  // Arrays, where versions differ most.
  [{ links: { $in: ['a', null] } }, 'any', { links: { $in: ['a', null] } }],
  [{ links: { $size: 2 } }, 'any', { links: { $size: 2 } }],
  [{ links: ['a'] }, 'any', { links: ['a'] }],
  [{ links: { $type: 'array' } }, 'any', { links: { $type: 'array' } }],
  [{ 'links.0': { $exists: true } }, 'any', { 'links.0': { $exists: true } }],
  [{ lead_import_ids: { $all: [ID] } }, 'objectid', { lead_import_ids: { $all: [oid()] } }, 'any', { lead_import_ids: { $all: [ID] } }],
  [{ lead_import_ids: { $not: { $all: [ID] } } }, '5', { lead_import_ids: { $not: { $all: [ID] } } }, 'objectid', { lead_import_ids: { $not: { $all: [oid()] } } }, 'any', { lead_import_ids: { $not: { $all: [ID] } } }],
  [{ lead_import_ids: { $elemMatch: { $gt: ID } } }, '7 true', { lead_import_ids: { $elemMatch: {} } }, 'objectid', { lead_import_ids: { $elemMatch: { $gt: oid() } } }, 'any', { lead_import_ids: { $elemMatch: { $gt: ID } } }],
  [{ links: { $elemMatch: { $regex: 'a' } } }, '7 true', { links: { $elemMatch: {} } }, 'any', { links: { $elemMatch: { $regex: 'a' } } }],
  [{ links: { $not: { $elemMatch: { $not: { $regex: 'a' } } } } }, '5', { links: { $not: { $elemMatch: { $not: { $regex: 'a' } } } } }, 'any', refused(/Cast to string failed/)],
  [{ links: { $elemMatch: { $not: { $gt: 'a' } } } }, '5', refused(/Can't use \$not with Array/), '6', refused(/Cast to string failed/), '7 true', { links: { $elemMatch: {} } }, 'any', { links: { $elemMatch: { $not: { $gt: 'a' } } } }],
  [{ status_history: { $elemMatch: { zzz: 1 } } }, '5', { status_history: { $elemMatch: { zzz: 1 } } }, 'on', { status_history: { $elemMatch: {} } }, 'any', { status_history: { $elemMatch: { zzz: 1 } } }],
  [{ status_history: { $not: { $elemMatch: { user: ID } } } }, 'objectid', { status_history: { $not: { $elemMatch: { user: oid() } } } }, 'any', { status_history: { $not: { $elemMatch: { user: ID } } } }],
  [{ client_id: { $size: 1 } }, 'any', refused(/Can't use \$size/)],

  // Joins without arms.
  [{ $and: [] }, '5', refused(/\$and must be a nonempty array/), 'any', {}],
  [{ $or: [] }, '5', refused(/\$or must be a nonempty array/), 'any', {}],
  [{ $nor: [], inquiry: 'a' }, '5', refused(/\$nor must be a nonempty array/), 'any', { inquiry: 'a' }],
  [{ $or: [{}] }, 'any', { $or: [{}] }],
];

/** Whether "5 on objectid" or a part of it names a kind. */
function isNamed(kinds, { ids, mongoose, strict_query }) {
  const isOn = strict_query === 'true' || (strict_query === 'default' && mongoose === 6);
  return kinds.split(' ').every((word) => ['any', ids, String(mongoose), strict_query, isOn ? 'on' : 'off'].includes(word));
}

for (const [q, ...outcomes] of TABLE) {
  test(`saleleads: ${JSON.stringify(q)}`, async () => {
    const casts = await crm.control('POST', '/cast', { resource: 'saleleads', q });
    assert.equal(casts.length, 24);
    for (const { filter, error, ...kind } of casts) {
      const at = outcomes.findIndex((outcome, index) => index % 2 === 0 && isNamed(outcome, kind));
      const expected = outcomes[at + 1];
      const name = JSON.stringify(kind);
      if (expected.refused) assert.match(error ?? JSON.stringify(filter), expected.refused, name);
      else assert.deepEqual(filter ?? error, expected, name);
    }
  });
}

test('the kinds are all of four versions, three values of strictQuery and two types of ids', async () => {
  const casts = await crm.control('POST', '/cast', { resource: 'cars', q: {} });
  const names = casts.map(({ ids, mongoose, strict_query }) => `${ids} ${mongoose} ${strict_query}`);
  assert.equal(new Set(names).size, 24);
  for (const name of ['objectid 5 default', 'string 8 true', 'objectid 6 false']) assert.ok(names.includes(name), name);
});

test('refusals: each filter in the log that some kind refuses, once', async () => {
  await crm.reset();
  for (const q of [{ _id: ID }, { client_id: 'nope' }, { client_id: 'nope' }, { make: 'a' }]) await crm.list('contacts', { q });
  await crm.call('GET', '/contacts/all', { query: { q: { client_id: { $regex: 'a' } } } });
  const refusals = await crm.control('GET', '/refusals');
  assert.deepEqual(new Set(refusals.map(({ ids }) => ids)), new Set(['objectid']));
  assert.deepEqual(refusals.map(({ resource, q }) => [resource, q.client_id]), [
    ...Array(12).fill(['contacts', 'nope']),
    ...Array(12).fill(['contacts', { $regex: 'a' }]),
  ]);
  await crm.control('DELETE', '/log');
  assert.deepEqual(await crm.control('GET', '/refusals'), []);
});

test('what cannot be cast at all', async () => {
  const ask = (body) => crm.request('POST', `${crm.endpoint}/_sandbox/cast`, { body });
  assertRefused(await ask({ resource: 'planes', q: {} }), 400, /resource must be the name of a resource/);
  assertRefused(await ask({ resource: 'cars' }), 400, /q must be an object/);
  assertRefused(await ask({ resource: 'cars', q: [] }), 400, /q must be an object/);
});
