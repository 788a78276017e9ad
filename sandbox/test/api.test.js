/* The operations of the description: each answers in the form that is described. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { descriptionTexts } from '../crm/description.js';
import { getBytes, sendBytes } from './support/bytes.js';
import { assertRefused, AUTHORIZATION, DEALER, startCrm } from './support/crm.js';
import { answerOf, api, assertForm, exampleOf } from './support/forms.js';

const crm = await startCrm();

const OPERATIONS = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const [resource, last] = path.slice(1).split('/');
    return { path, method, operation, resource, form: `${method} ${last?.startsWith('{') ? 'id' : (last ?? 'documents')}` };
  }),
);

/** A document in which every field of the resource is present. */
function fullDocument(resource, _id) {
  return { ...exampleOf(answerOf(api.paths[`/${resource}`].get).schema.items), _id };
}

/** Inserts a full document of its own for each caller. */
async function insert(resource, _id) {
  const document = fullDocument(resource, _id);
  await crm.control('POST', `/documents/${resource}`, [document]);
  return document;
}

/** How each operation is called, and what is right about its answer besides the form. Gives the reply. */
const CALLS = {
  'get id': async (resource) => {
    const document = await insert(resource, 'got');
    const reply = await crm.call('GET', `/${resource}/got`);
    assert.deepEqual(reply.json, [document]);
    return reply;
  },
  'get documents': async (resource) => {
    const document = await insert(resource, 'listed');
    const reply = await crm.call('GET', `/${resource}`, { query: { q: { _id: 'listed' } } });
    assert.deepEqual(reply.json, [document]);
    assert.equal(reply.hasMore, 'false');
    return reply;
  },
  'get all': async (resource) => {
    const reply = await crm.call('GET', `/${resource}/all`);
    assert.equal(reply.json[0].status, 'queued');
    return reply;
  },
  'post documents': async (resource) => {
    const document = fullDocument(resource, 'posted');
    const reply = await crm.call('POST', `/${resource}`, { body: document });
    assert.deepEqual(reply.json, document, 'every field of the description is kept');
    return reply;
  },
  'put id': async (resource) => {
    const document = await insert(resource, 'replaced');
    const { computed, ...others } = document;
    const reply = await crm.call('PUT', `/${resource}/replaced`, { body: { ...others, __v: 7 } });
    assert.deepEqual(reply.json, { ...others, __v: 7, updated_at: reply.json.updated_at });
    return reply;
  },
  'patch id': async (resource) => {
    const document = await insert(resource, 'patched');
    const reply = await crm.call('PATCH', `/${resource}/patched`, { body: [{ op: 'add', path: '/__v', value: 8 }] });
    assert.deepEqual(reply.json, { ...document, __v: 8, updated_at: reply.json.updated_at });
    return reply;
  },
  'delete id': async (resource) => {
    await insert(resource, 'deleted');
    const reply = await crm.call('DELETE', `/${resource}/deleted`);
    assert.deepEqual(reply.json, { _id: 'deleted' });
    assertRefused(await crm.call('GET', `/${resource}/deleted`), 404);
    return reply;
  },
};

test('there are 140 operations', () => {
  assert.equal(OPERATIONS.length, 140);
});

for (const { path, method, operation, resource, form } of OPERATIONS) {
  test(`${method.toUpperCase()} ${path}`, async () => {
    const { schema, headers } = answerOf(operation);
    const reply = await CALLS[form](resource);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('Content-Type'), 'application/json; charset=utf-8');
    assertForm(reply.json, schema);
    for (const header of headers) assert.match(reply.headers.get(header), /^(true|false)$/);
  });
}

test('the description is served to everybody', async () => {
  const reply = await crm.request('GET', `${crm.endpoint}/.well-known/service-desc`);
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get('Content-Type'), /^application\/json/);
  assert.equal(reply.text, descriptionTexts.plain);
});

test('ids are taken as they are, percent-decoded once', async () => {
  for (const _id of ['../x', 'a/b?c#d%', '%41', 'all ', 'ñ\u{1F697}', 'x'.repeat(10_000)]) {
    await crm.control('POST', '/documents/cars', [{ _id, make: 'odd' }]);
    assert.deepEqual(await crm.ask('GET', `/cars/${encodeURIComponent(_id)}`), [{ _id, make: 'odd' }], _id.slice(0, 20));
  }
});

test('dots in a path are an id like any other', async () => {
  for (const _id of ['.', '..']) {
    await crm.control('POST', '/documents/cars', [{ _id }]);
    const { body } = await sendBytes(crm.endpoint, getBytes(`/cars/${_id}`, { Connection: 'close' }));
    assert.deepEqual(JSON.parse(body), [{ _id }]);
  }
});

const NOT_FOUND = [
  ['GET', '/cars/nope', /cars: there is no document nope/],
  ['PUT', '/cars/nope', /no document nope/],
  ['PATCH', '/cars/nope', /no document nope/],
  ['DELETE', '/cars/nope', /no document nope/],
  ['GET', '/planes', /no resource planes/],
  ['GET', '/planes/1', /no resource planes/],
  ['GET', '/planes/all', /no resource planes/],
  ['POST', '/planes', /no resource planes/],
  ['GET', '/Cars', /no resource Cars/],
  ['GET', '/cars/1/wheels', /no GET/],
  ['PATCH', '/cars', /no PATCH/],
  ['PUT', '/cars', /no PUT/],
  ['DELETE', '/cars', /no DELETE/],
  ['POST', '/cars/1', /no POST/],
  ['OPTIONS', '/cars', /no OPTIONS/],
  ['GET', '/deferredrequests/1', /no deferred request 1/],
];

for (const [method, path, message] of NOT_FOUND) {
  test(`404: ${method} ${path}`, async () => {
    assertRefused(await crm.call(method, path, method === 'GET' ? {} : { body: {} }), 404, message);
  });
}

test('404: what is neither the service nor the sandbox', async () => {
  const headers = { Authorization: AUTHORIZATION };
  assertRefused(await crm.request('GET', `${crm.endpoint}/`, { headers }), 404);
  assertRefused(await crm.request('PUT', `${crm.endpoint}/a/b%20?q=1`, { headers }), 404, /^There is no PUT \/a\/b%20$/);
  assertRefused(await crm.request('GET', `${crm.resultsEndpoint}/dealers/${DEALER}/cars`, { headers }), 404, /^There is no GET \/dealers/);
});

test('403: another dealer', async () => {
  const headers = { Authorization: AUTHORIZATION };
  for (const path of ['cars', 'cars/1', 'cars/all', 'deferredrequests/1']) {
    assertRefused(await crm.request('GET', `${crm.endpoint}/dealers/another/${path}`, { headers }), 403, /another/);
  }
  assertRefused(await crm.request('GET', `${crm.resultsEndpoint}/services/s3/dealers/another/1`, { headers }), 403);
});

const BROKEN = ['/cars/%zz', '/cars/%', '/cars/%C3', '/%zz', '/cars?q=%zz', '/cars?%zz=1', '/cars?limit=1&limit=2'];

for (const path of BROKEN) {
  test(`400: ${path}`, async () => {
    assertRefused(await crm.call('GET', path), 400);
  });
}

const REQUESTS_WITH_BODIES = [
  ['POST', '/cars'],
  ['PUT', '/cars/written'],
  ['PATCH', '/cars/written'],
];

for (const [method, path] of REQUESTS_WITH_BODIES) {
  test(`${method}: 400 for what is no JSON, 422 for what is no document`, async () => {
    await crm.control('POST', '/documents/cars', [{ _id: 'written' }]);
    for (const body of ['', '{', '{"make":}', 'make=Seat', '\u0000']) {
      assertRefused(await crm.call(method, path, { body }), 400, /^the body is not valid JSON/);
    }
    for (const body of ['5', 'null', '"text"', 'true']) assertRefused(await crm.call(method, path, { body }), 422);
  });
}

test('credentials: a bearer token, Basic, a named header, or none', async () => {
  const basic = `Basic ${Buffer.from('user:pass:word').toString('base64')}`;
  const table = [
    ['bearer:secret', { Authorization: 'Bearer secret' }, { Authorization: 'Bearer Secret' }],
    ['basic:user:pass:word', { Authorization: basic }, { Authorization: 'Basic dXNlcjpwYXNz' }],
    ['header:X-Api-Key:a:b', { 'x-api-key': 'a:b' }, { 'X-Api-Key': 'a' }],
  ];
  const ask = (headers) => crm.request('GET', `${crm.endpoint}/dealers/${DEALER}/cars`, { headers });
  for (const [auth, right, wrong] of table) {
    await crm.control('PUT', '/settings', { auth });
    assert.equal((await ask(right)).status, 200, auth);
    assertRefused(await ask(wrong), 401, /^Wrong login in the headers$/);
    assertRefused(await ask({}), 401, /^No login in the headers$/);
  }
  await crm.control('PUT', '/settings', { auth: 'none' });
  assert.equal((await ask({})).status, 200);
  await crm.reset();
});

test('credentials come before everything else', async () => {
  const ask = (method, url, options) => crm.request(method, url, options);
  assertRefused(await ask('GET', `${crm.endpoint}/dealers/another/planes`), 401);
  assertRefused(await ask('POST', `${crm.endpoint}/dealers/${DEALER}/cars`, { body: '{' }), 401);
  assertRefused(await ask('GET', `${crm.resultsEndpoint}/services/s3/dealers/${DEALER}/1`), 401);
});
