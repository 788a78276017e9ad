/* The settings for what the service may do otherwise: each value of each, as a client sees it. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { descriptionTexts } from '../crm/description.js';
import { makeCertificate } from './support/certificate.js';
import { assertRefused, AUTHORIZATION, startCrm } from './support/crm.js';

const { cert, key } = makeCertificate();
const crm = await startCrm({ listeners: { tls: { cert, key } } });
const ID = '5f2b1c9e8d3a4b0012345678';
const headers = { Authorization: AUTHORIZATION };
const set = (settings) => crm.control('PUT', '/settings', settings);

beforeEach(() => crm.reset());

async function resultsUrl(query = {}) {
  await set({ job_polls: 0 });
  const [{ job_url }] = await crm.ask('GET', '/cars/all', { query });
  for (;;) {
    const [{ results_url: url }] = (await crm.request('GET', job_url, { headers })).json;
    if (url) return url;
  }
}

test('results: direct', async () => {
  const reply = await crm.request('GET', await resultsUrl(), { headers });
  assert.deepEqual([reply.status, reply.json.length], [200, 120]);
});

test('results: redirect, to a storage host that refuses credentials and wants its signature', async () => {
  await set({ results: 'redirect' });
  const url = await resultsUrl({ project: 'make' });
  assertRefused(await crm.request('GET', url), 401);
  const { status, headers: said, text } = await crm.request('GET', url, { headers });
  assert.deepEqual([status, text], [302, '']);
  const location = said.get('Location');
  assert.ok(location.startsWith(`${crm.urls.storage}/crm-exports/`), location);
  const reply = await crm.request('GET', location);
  assert.deepEqual([reply.status, reply.json.length, Object.keys(reply.json[0])], [200, 120, ['_id', 'make']]);
  const { listener, kind, resource, credentials, documents } = await crm.lastEntry();
  assert.deepEqual([listener, kind, resource, credentials, documents], ['storage', 'stored', 'cars', false, 120]);
  assertRefused(await crm.request('GET', location, { headers }), 400, /Only one auth mechanism/);
  assertRefused(await crm.request('GET', location.replace(/\?.*/, '')), 403);
  assertRefused(await crm.request('GET', location.replace(/\w+\.json/, 'x.json')), 404);
});

test('results: redirect over TLS leads to a storage host over TLS', async () => {
  assert.match(crm.urls.storage_tls, /^https:/);
  const { listeners } = crm;
  assert.equal(listeners.get('results_tls').storageUrl, crm.urls.storage_tls);
  assert.equal(listeners.get('results').storageUrl, crm.urls.storage);
});

for (const mongoose of [8, 7, 6, 5]) {
  test(`text_setters, Mongoose ${mongoose}: they change values of filters as they change what is written`, async () => {
    await crm.control('POST', '/documents/cars', [{ _id: ID, make: 'seat', model: 'Ibiza', license_plate: '1ABC' }]);
    const found = async (q) => (await crm.list('cars', { q: { _id: ID, ...q } })).length;
    const foundAll = (...filters) => Promise.all(filters.map(found));
    const filters = [{ make: 'SEAT' }, { make: ' seat ' }, { license_plate: '1ABC' }, { make: { $ne: 'Seat' } }, { model: 'IBIZA' }];
    await set({ mongoose });
    assert.deepEqual(await foundAll(...filters), [0, 0, 1, 1, 0]);
    await set({ text_setters: 'lowercase' });
    assert.deepEqual(await foundAll(...filters), [1, 0, 0, 0, 0]);
    assert.equal(await found({ license_plate: { $regex: '^1A' } }), mongoose === 5 ? 0 : 1);
    await set({ text_setters: 'uppercase' });
    assert.deepEqual(await foundAll(...filters), [0, 0, 1, 1, 0]);
    await set({ text_setters: 'trim' });
    assert.deepEqual(await foundAll(...filters), [0, 1, 1, 1, 0]);
    const [created] = await Promise.all([crm.ask('POST', '/cars', { body: { make: ' Fiat ', model: ' Tipo ' } })]);
    assert.deepEqual([created.make, created.model], ['Fiat', ' Tipo ']);
    await set({ text_setters: 'lowercase' });
    const changed = await crm.ask('PATCH', `/cars/${created._id}`, { body: [{ op: 'add', path: '/license_plate', value: '9XYZ' }] });
    assert.equal(changed.license_plate, '9xyz');
  });
}

test('collation: ignore_case compares and sorts all texts without their case, but not by patterns', async () => {
  const makes = ['b', 'A', 'a', 'C'];
  await crm.control('DELETE', '/documents/cars');
  await crm.control('POST', '/documents/cars', makes.map((make, i) => ({ _id: ID.replace(/.$/, i), make, foreign_ids: [make] })));
  const found = async (q) => (await crm.list('cars', { q, sort: 'make _id' })).map(({ make }) => make).join('');
  assert.deepEqual([await found({}), await found({ make: 'a' }), await found({ make: { $gt: 'B' } })], ['ACab', 'a', 'Cab']);
  await set({ collation: 'ignore_case' });
  assert.deepEqual([await found({}), await found({ make: 'a' }), await found({ make: { $gt: 'B' } })], ['AabC', 'Aa', 'C']);
  assert.deepEqual([await found({ foreign_ids: { $in: ['B'] } }), await found({ make: { $ne: 'A' } })], ['b', 'bC']);
  assert.equal(await found({ make: { $regex: '^a' } }), 'a');
});

test('group_shape', async () => {
  await crm.control('POST', '/documents/cars', [{ _id: 'x', make: 'Pegaso' }]);
  const group = () => crm.list('cars', { group_by: { make: '$make' }, q: { make: 'Pegaso' } });
  assert.deepEqual(await group(), [{ _id: { make: 'Pegaso' }, count: 1 }]);
  await set({ group_shape: 'flat' });
  assert.deepEqual(await group(), [{ make: 'Pegaso', count: 1 }]);
  await set({ group_shape: 'object' });
  assert.deepEqual(await group(), { groups: [{ _id: { make: 'Pegaso' }, count: 1 }] });
});

for (const [setting, query] of [['group_by', { group_by: { make: '$make' } }], ['search', { search: 'make = SEAT' }]]) { // prettier-ignore
  test(`${setting}: refused`, async () => {
    await crm.list('cars', query);
    await set({ [setting]: 'refused' });
    assertRefused(await crm.call('GET', '/cars', { query }), 400, new RegExp(`^${setting} is not supported`));
    assertRefused(await crm.call('GET', '/cars/all', { query }), 400);
    await crm.list('cars', {});
  });
}

test('sort: ignored, whatever it says', async () => {
  const ids = async (sort) => (await crm.list('cars', { ...(sort && { sort }) })).map(({ _id }) => _id);
  const sorted = await ids('_id');
  const unsorted = await ids();
  assert.notDeepEqual(sorted, unsorted);
  await set({ sort: 'ignored' });
  for (const sort of ['_id', '-make', '{,']) assert.deepEqual(await ids(sort), unsorted);
});

test('project: ignored, whatever it says', async () => {
  const [whole] = await crm.list('cars', { limit: 1 });
  await set({ project: 'ignored' });
  for (const project of ['make', '-make', '{,']) assert.deepEqual(await crm.list('cars', { project, limit: 1 }), [whole]);
});

const STRANGE = { make: 'SEAT', nope: 1, status: { status: 'open', nope: { a: [1] } }, status_history: [{ status: 'new', nope: 2 }] };
const KNOWN = { make: 'SEAT', status: { status: 'open' }, status_history: [{ status: 'new' }] };

for (const [value, expected] of [['dropped', KNOWN], ['kept', STRANGE]]) { // prettier-ignore
  test(`unknown_fields: ${value}`, async () => {
    await set({ unknown_fields: value });
    const posted = await crm.ask('POST', '/cars', { body: STRANGE });
    const { _id, __v, dealer_id, created_at, updated_at, ...fields } = posted;
    assert.deepEqual(fields, expected);
    assert.deepEqual(await crm.ask('GET', `/cars/${_id}`), [posted]);
    const { make, status, nope } = await crm.ask('PUT', `/cars/${_id}`, { body: { make: 'Audi', status: STRANGE.status, nope: 5 } });
    assert.deepEqual({ make, status, nope }, { make: 'Audi', status: expected.status, nope: value === 'kept' ? 5 : undefined });
    for (const patch of ['mongoose', 'rfc6902']) {
      await set({ patch });
      const operations = [
        { op: 'add', path: '/zzz', value: [patch] },
        { op: 'add', path: '/status/zzz', value: 1 },
        { op: 'add', path: '/address', value: { zzz: 1, city: 'Teruel' } },
      ];
      const patched = await crm.ask('PATCH', `/cars/${_id}`, { body: operations });
      assert.deepEqual([patched.zzz, patched.status.zzz], value === 'kept' ? [[patch], 1] : [undefined, undefined]);
    }
  });
}

test('unknown_fields: kept, but values of known ones are cast and refused as ever', async () => {
  await set({ unknown_fields: 'kept' });
  assert.equal((await crm.ask('POST', '/cars', { body: { make: 5, zzz: 5 } })).make, '5');
  assertRefused(await crm.call('POST', '/cars', { body: { make: { a: 1 }, zzz: 5 } }), 422);
});

test('client_ids: replaced', async () => {
  const body = { _id: '65a000000000000000000001', make: 'SEAT' };
  assert.equal((await crm.ask('POST', '/cars', { body }))._id, body._id);
  assertRefused(await crm.call('POST', '/cars', { body }), 409);
  await set({ client_ids: 'replaced' });
  const { _id } = await crm.ask('POST', '/cars', { body });
  assert.match(_id, /^[0-9a-f]{24}$/);
  assert.notEqual(_id, body._id);
  assert.equal((await crm.ask('GET', `/cars/${_id}`))[0].make, 'SEAT');
});

test('has_more: missing', async () => {
  assert.equal((await crm.call('GET', '/cars')).hasMore, 'true');
  await set({ has_more: 'missing' });
  for (const query of [{}, { limit: 1 }, { group_by: { make: '$make' } }]) {
    assert.equal((await crm.call('GET', '/cars', { query })).hasMore, null);
  }
  assert.equal((await crm.lastEntry()).has_more, null);
});

test('description: alternatives, which say the same', async () => {
  const ask = async () => (await crm.request('GET', `${crm.endpoint}/.well-known/service-desc`)).json;
  const plain = await ask();
  assert.deepEqual(plain, JSON.parse(descriptionTexts.plain));
  await set({ description: 'alternatives' });
  const other = await ask();
  for (const [name, schema] of Object.entries(plain.components.schemas)) {
    assert.deepEqual(simplified(other.components.schemas[name]), simplified(schema), name);
  }
  const text = JSON.stringify(other);
  for (const part of ['"oneOf":', '"anyOf":', '"allOf":', '"nullable":true', '"format":"date"', '"format":"int32"', '"type":["string","null"]', '"type":["null","array"]']) {
    assert.ok(text.split(part).length > 10, part);
  }
});

/** What is left of a schema: types, members and elements. */
function simplified({ oneOf, anyOf, allOf, type, properties, items, format }) {
  const choice = (oneOf ?? anyOf)?.find((schema) => schema.type !== 'null');
  if (choice) return simplified(choice);
  const parts = (allOf ?? []).map(simplified);
  const members = Object.entries(properties ?? {}).map(([name, schema]) => [name, simplified(schema)]);
  const all = Object.assign({}, Object.fromEntries(members), ...parts.map((part) => part.members));
  const own = [type].flat().find((name) => name && name !== 'null') ?? parts[0]?.type ?? (members.length > 0 ? 'object' : undefined);
  return {
    type: own === 'integer' ? 'number' : own,
    isDate: (format ?? '').startsWith('date') || parts.some(({ isDate }) => isDate),
    ...(Object.keys(all).length > 0 && { members: all }),
    ...(items ? { items: simplified(items) } : parts.find((part) => part.items) && { items: parts.find((part) => part.items).items }),
  };
}

test('resources outside the description: users, templates and emails, in the same form', async () => {
  for (const [resource, fields] of [['users', ['first_name', 'last_name']], ['templates', ['name']], ['emails', ['subject', 'to']]]) { // prettier-ignore
    const [document] = await crm.ask('POST', `/${resource}`, { body: { [fields[0]]: 'x', nope: 1 } }).then((made) => crm.ask('GET', `/${resource}/${made._id}`));
    assert.deepEqual([document[fields[0]], document.nope], ['x', undefined]);
    assert.equal((await crm.list(resource, { q: { [fields[0]]: 'x' } })).length, 1);
    assert.equal((await crm.ask('PATCH', `/${resource}/${document._id}`, { body: [{ op: 'add', path: `/${fields[0]}`, value: 'y' }] }))[fields[0]], 'y');
    await crm.ask('DELETE', `/${resource}/${document._id}`);
    assert.equal((await crm.ask('GET', `/${resource}/all`))[0].status, 'queued');
    assert.ok(!descriptionTexts.plain.includes(`"/${resource}"`));
  }
});

test('leadimporttasks take a payload', async () => {
  const payload = { client: { foreign_id: 'c1', first_name: 'Ana' }, sales_lead: { inquiry: 'x', car: { make: 'SEAT' } }, version: '1.0.0' };
  const made = await crm.ask('POST', '/leadimporttasks', { body: { payload, callback: { url: 'https://portal.example', method: 'POST' } } });
  assert.deepEqual(made.payload, payload);
  assert.deepEqual((await crm.ask('GET', `/leadimporttasks/${made._id}`))[0].payload, payload);
});

test('other_formats: misread', async () => {
  assertRefused(await crm.call('GET', '/cars', { query: { project: 'make,model' } }), 400);
  assertRefused(await crm.call('GET', '/cars', { query: { sort: 'make,_id' } }), 400);
  await set({ other_formats: 'misread' });
  for (const project of ['make,model', '{"make":1}']) {
    const cars = await crm.ask('GET', '/cars', { query: { project } });
    assert.deepEqual(cars.map(Object.keys), cars.map(() => ['_id']));
  }
  const unsorted = await crm.ask('GET', '/cars');
  assert.deepEqual(await crm.ask('GET', '/cars', { query: { sort: '-make,-_id' } }), unsorted);
  assert.deepEqual(Object.keys((await crm.ask('GET', '/cars', { query: { project: 'dealer_id created_at' } }))[0]).sort(), ['_id', 'created_at', 'dealer_id']);
});

test('missing_arrays: replies show what filters do not see', async () => {
  const stored = { _id: ID, make: 'A', prices: { retail: { source: 'x' } }, status_history: [{ status: 'y' }], images: null };
  const given = async (query = {}) => (await crm.list('cars', { q: { _id: ID }, ...query }))[0];
  await crm.control('POST', '/documents/cars', [stored]);
  assert.deepEqual(await given(), stored);
  await set({ missing_arrays: 'empty' });
  const { extras, images, prices, status_history } = await given();
  assert.deepEqual({ extras, images, prices }, { extras: [], images: null, prices: { retail: { source: 'x', previous_prices: [] } } });
  assert.deepEqual(status_history, [{ status: 'y', substatus_history: [] }]);
  const project = 'make extras prices.retail.source';
  assert.deepEqual(await given({ project }), { _id: ID, make: 'A', extras: [], prices: { retail: { source: 'x' } } });
  assert.deepEqual((await crm.ask('GET', `/cars/${ID}`))[0].extras, []);
  const body = [{ op: 'add', path: '/make', value: 'B' }];
  assert.deepEqual((await crm.ask('PATCH', `/cars/${ID}`, { body })).extras, []);
  assert.equal(await given({ q: { _id: ID, extras: { $type: 'array' } } }), undefined);
  assert.equal((await given({ q: { _id: ID, extras: null } })).make, 'B');
  await set({ missing_arrays: 'nested' });
  const nested = await given({ project: 'prices.export custom' });
  assert.deepEqual(nested, { _id: ID, prices: { export: { previous_prices: [] } } });
  await set({ missing_arrays: 'absent' });
  assert.equal(Object.hasOwn(await given(), 'extras'), false);
});
