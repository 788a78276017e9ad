/* The control surface: reset, dump, documents, settings, and what it refuses. Log and faults have their own tests. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { SETTINGS } from '../http/settings.js';
import { assertRefused, startCrm } from './support/crm.js';
import { createDataset } from './support/dataset.js';

const crm = await startCrm();

beforeEach(() => crm.reset());

const ask = (method, path, body) => crm.request(method, `${crm.endpoint}/_sandbox${path}`, { body });
const size = async (resource) => (await dump(resource)).length;

async function dump(resource) {
  const reply = await ask('GET', `/dump/${resource}`);
  assert.equal(reply.status, 200, reply.text);
  assert.match(reply.headers.get('Content-Type'), /^application\/x-ndjson/);
  return reply.text.split('\n').slice(0, -1).map(JSON.parse);
}

const DEFAULTS = { ...Object.fromEntries(SETTINGS.map(([name, , value]) => [name, value])), ids: 'string' };

test('no credentials are needed', async () => {
  assert.equal((await ask('GET', '/settings')).status, 200);
});

test('dump: every document as the API sends it, one a line, ordered by _id', async () => {
  const documents = await dump('cars');
  const dataset = createDataset({});
  const generated = Array.from({ length: 120 }, (_, index) => dataset.document('cars', index));
  assert.deepEqual(documents, generated.sort((a, b) => (a._id < b._id ? -1 : 1)));
  await crm.control('PUT', '/settings', { page_cap: 500 });
  assert.deepEqual(documents, await crm.list('cars', { sort: '_id' }));
  await crm.control('DELETE', '/documents/cars');
  assert.deepEqual(await dump('cars'), []);
});

test('documents are stored as they are, inserted or replaced', async () => {
  const strange = { _id: 'x', make: { not: 'text' }, nope: [null, 1e300, '\u0000\u{1F697}'], year: 'MMXX' };
  const [first] = await crm.list('cars', { limit: 1 });
  assert.deepEqual(await crm.control('POST', '/documents/cars', [strange, { _id: first._id, make: 'replaced' }]), { documents: 2 });
  assert.deepEqual(await crm.ask('GET', '/cars/x'), [strange]);
  assert.deepEqual(await crm.ask('GET', `/cars/${first._id}`), [{ _id: first._id, make: 'replaced' }]);
  assert.equal(await size('cars'), 121);
  assert.deepEqual(await crm.control('POST', '/documents/cars', []), { documents: 0 });
});

test('documents are deleted, one or all', async () => {
  const [first] = await crm.list('cars', { limit: 1 });
  assert.deepEqual(await crm.control('DELETE', `/documents/cars/${first._id}`), { documents: 1 });
  assertRefused(await ask('DELETE', `/documents/cars/${first._id}`), 404, /cars has no document/);
  assert.equal(await size('cars'), 119);
  assert.deepEqual(await crm.control('DELETE', '/documents/cars'), { documents: 119 });
  assert.deepEqual(await crm.list('cars', {}), []);
  assert.equal(await size('notes'), 3);
});

test('reset: data, log, faults, settings and jobs as at the start', async () => {
  const before = await dump('cars');
  const [, second] = before;
  await crm.control('DELETE', `/documents/cars/${before[0]._id}`);
  await crm.ask('PATCH', `/cars/${second._id}`, { body: [{ op: 'add', path: '/make', value: 'changed' }] });
  await crm.ask('POST', '/cars', { body: { make: 'new' } });
  await crm.fault({ type: 'status', status: 503 });
  await crm.control('PUT', '/settings', { page_cap: 1 });
  assert.deepEqual(await crm.reset(), {});
  assert.deepEqual(await dump('cars'), before);
  assert.deepEqual(await crm.log(), []);
  assert.deepEqual(await crm.control('GET', '/faults'), []);
  assert.deepEqual(await crm.control('GET', '/settings'), DEFAULTS);
  assert.equal(await crm.fault({ type: 'latency', ms: 0 }), 1, 'ids of faults begin again');
});

test('reset with other data, and back', async () => {
  const before = await dump('cars');
  await crm.reset({ scale: 7 });
  assert.deepEqual([await size('cars'), await size('notes')], [7, 3]);
  await crm.reset({ seed: 2, counts: { notes: 5, sms: 0 } });
  assert.deepEqual([await size('cars'), await size('notes'), await size('sms')], [120, 5, 0]);
  assert.notEqual((await dump('cars'))[0]._id, before[0]._id);
  await crm.reset();
  assert.deepEqual(await dump('cars'), before);
});

test('settings: PUT changes those given and answers all', async () => {
  assert.deepEqual(await crm.control('GET', '/settings'), DEFAULTS);
  assert.deepEqual(await crm.control('PUT', '/settings', { page_cap: 7 }), { ...DEFAULTS, page_cap: 7 });
  assert.deepEqual(await crm.control('PUT', '/settings', { strict_query: true }), { ...DEFAULTS, page_cap: 7, strict_query: true });
  assert.deepEqual(await crm.control('PUT', '/settings', {}), { ...DEFAULTS, page_cap: 7, strict_query: true });
});

test('page_cap is the most that a reply holds', async () => {
  await crm.control('PUT', '/settings', { page_cap: 7 });
  for (const [limit, length] of [['0', 7], ['3', 3], ['100', 7]]) assert.equal((await crm.list('cars', { limit })).length, length);
  await crm.control('PUT', '/settings', { page_cap: 1000 });
  assert.equal((await crm.list('cars', {})).length, 120);
});

/** Method, path, body, what the message says. */
const REFUSED = [
  ['PUT', '/settings', { page_cap: 0 }, /page_cap must be an integer of at least 1, not 0/],
  ['PUT', '/settings', { page_cap: '5' }, /page_cap/],
  ['PUT', '/settings', { sort_format: 'sql' }, /sort_format must be one of "mongoose", "comma", "json"/],
  ['PUT', '/settings', { auth: 'digest:x' }, /auth must be bearer:TOKEN/],
  ['PUT', '/settings', { auth: 'header:X-Key' }, /auth must be/],
  ['PUT', '/settings', { patch: 'x' }, /patch must be/],
  ['PUT', '/settings', { ids: 'number' }, /ids must be one of "objectid", "string"/],
  ['PUT', '/settings', { mongoose: 9 }, /mongoose must be one of 8, 7, 6, 5/],
  ['PUT', '/settings', { mongoose: '8' }, /mongoose must be/],
  ['PUT', '/settings', { strict_query: 1 }, /strict_query must be one of "default", "true", "false", true, false/],
  ['PUT', '/settings', { filter_status: 404 }, /filter_status must be one of 400, 422, 500/],
  ['PUT', '/settings', { id_status: 200 }, /id_status must be one of 404, 400, 422, 500/],
  ['PUT', '/settings', { rate_limit: 5 }, /rate_limit must be null or \{per_second,/],
  ['PUT', '/settings', { rate_limit: { per_second: 0 } }, /rate_limit must be/],
  ['PUT', '/settings', { rate_limit: { per_second: 1, burst: 0 } }, /rate_limit must be/],
  ['PUT', '/settings', { rate_limit: { per_second: 1, retry_after: 'soon' } }, /rate_limit must be/],
  ['PUT', '/settings', { compress: 'gzip' }, /compress must be an array, each one of "gzip", "br", "deflate"/],
  ['PUT', '/settings', { compress: ['lzw'] }, /compress must be/],
  ['PUT', '/settings', { job_polls: -1 }, /job_polls must be/],
  ['PUT', '/settings', { job_outcome: 'x' }, /job_outcome must be one of "finished", "failed", "vanished", "queued", "processing"/],
  ['PUT', '/settings', { results_layout: 'x' }, /results_layout must be one of "compact", "lines"/],
  ['PUT', '/settings', { page_limit: 1 }, /the settings has no "page_limit": it has page_cap,/],
  ['PUT', '/settings', [], /the settings must be an object/],
  ['PUT', '/settings', '{broken', /JSON/],
  ['POST', '/reset', { scale: 0 }, /scale must be an integer from 1 to 1000000/],
  ['POST', '/reset', { seed: -1 }, /seed must be/],
  ['POST', '/reset', { seed: 1.5 }, /seed must be/],
  ['POST', '/reset', { counts: { planes: 1 } }, /counts must be/],
  ['POST', '/reset', { counts: { cars: -1 } }, /counts must be/],
  ['POST', '/reset', { count: {} }, /the data has no "count"/],
  ['POST', '/documents/cars', { _id: 'x' }, /documents must be an array/],
  ['POST', '/documents/cars', [{ make: 'x' }], /a document with an _id that is text/],
  ['POST', '/documents/cars', [{ _id: 5 }], /a document with an _id/],
  ['POST', '/documents/cars', [{ _id: 'x' }, null], /a document with an _id/],
  ['POST', '/documents/cars', undefined, /documents must be/],
  ['POST', '/documents/planes', [], /there is no resource planes/],
  ['DELETE', '/documents/planes', undefined, /there is no resource planes/],
  ['DELETE', '/documents/planes/x', undefined, /there is no resource planes/],
  ['GET', '/dump/planes', undefined, /there is no resource planes/],
];

for (const [method, path, body, message] of REFUSED) {
  test(`400, and nothing is changed: ${method} ${path} ${JSON.stringify(body)}`, async () => {
    await crm.control('PUT', '/settings', { page_cap: 7 });
    assertRefused(await ask(method, path, body), 400, message);
    assert.deepEqual(await crm.control('GET', '/settings'), { ...DEFAULTS, page_cap: 7 });
    assert.equal(await size('cars'), 120);
  });
}

test('404: what the control surface does not have', async () => {
  for (const [method, path] of [['GET', '/'], ['GET', '/nope'], ['POST', '/log'], ['GET', '/reset'], ['GET', '/Log']]) { // prettier-ignore
    assertRefused(await ask(method, path), 404, new RegExp(`the sandbox has no ${method} /_sandbox`));
  }
});

test('the results host has no control surface', async () => {
  assert.equal((await crm.request('GET', `${crm.resultsEndpoint}/_sandbox/log`)).status, 401);
});
