/* The log: what an entry says, when it is complete, that it holds no credentials, and its size. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

import { RequestLog } from '../http/log.js';
import { getBytes, sendBytes } from './support/bytes.js';
import { AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm();
const execFileAsync = promisify(execFile);
const COUNT_LINES = `
  require('node:http').get(process.argv[1], async (reply) => {
    let lines = 0;
    for await (const part of reply.setEncoding('latin1')) lines += part.split('\\n').length - 1;
    process.stdout.write(String(lines));
  })`;

beforeEach(() => crm.reset());

test('an entry says what was asked and what was answered', async () => {
  const before = Date.now();
  const query = { q: { make: 'Seat' }, sort: '_id', limit: 3, group_by: '{broken' };
  await crm.fault({ type: 'ignore', group_by: true });
  const reply = await crm.call('GET', '/cars', { query, headers: { 'X-Request': 'one' } });
  const { headers, raw_path, started_at, ms, connection, ...entry } = await crm.lastEntry();
  assert.deepEqual(entry, {
    n: 1,
    listener: 'api',
    http_version: '1.1',
    host: new URL(crm.endpoint).host,
    method: 'GET',
    path: `/dealers/${DEALER}/cars`,
    resource: 'cars',
    kind: 'list',
    query: { q: { make: 'Seat' }, sort: '_id', limit: '3', group_by: '{broken' },
    body: null,
    credentials: true,
    status: 200,
    documents: 3,
    bytes: Buffer.byteLength(reply.text),
    has_more: true,
    encoding: 'identity',
    fault: 1,
  });
  assert.equal(headers['x-request'], 'one');
  assert.ok(Number.isInteger(connection));
  assert.match(raw_path, /^\/dealers\/dealer\/cars\?q=%7B%22make%22/);
  assert.ok(Date.parse(started_at) >= before && Date.parse(started_at) <= Date.now());
  assert.ok(ms > 0 && ms < 10_000);
});

test('the path is decoded once, and there as it was sent too', async () => {
  await crm.call('GET', '/cars/a%2Fb%2541');
  const entry = await crm.lastEntry();
  assert.equal(entry.path, `/dealers/${DEALER}/cars/a/b%41`);
  assert.equal(entry.raw_path, `/dealers/${DEALER}/cars/a%2Fb%2541`);
});

test('every kind of request', async () => {
  const id = (await crm.list('cars', { limit: 1 }))[0]._id;
  const requests = [
    ['GET', '/cars', 'list', 'cars', 50, true],
    ['GET', `/cars/${id}`, 'get', 'cars', 1, null],
    ['GET', '/cars/all', 'all', 'cars', null, null],
    ['GET', '/deferredrequests/x', 'job', null, null, null],
    ['POST', '/cars', 'create', 'cars', 1, null],
    ['PATCH', `/cars/${id}`, 'patch', 'cars', 1, null],
    ['PUT', `/cars/${id}`, 'replace', 'cars', 1, null],
    ['DELETE', `/cars/${id}`, 'delete', 'cars', null, null],
    ['GET', '/planes', 'list', null, null, null],
    ['GET', '/cars/1/2', 'other', null, null, null],
  ];
  const bodies = { POST: {}, PUT: {}, PATCH: [] };
  for (const [method, path, kind, resource, documents, hasMore] of requests) {
    await crm.call(method, path, { body: bodies[method] });
    const entry = await crm.lastEntry();
    assert.deepEqual([entry.kind, entry.resource, entry.documents, entry.has_more], [kind, resource, documents, hasMore], `${method} ${path}`);
  }
  await crm.request('GET', `${crm.endpoint}/.well-known/service-desc`);
  assert.equal((await crm.lastEntry()).kind, 'description');
});

test('requests that are refused are there as well', async () => {
  const statuses = async (method, path, options) => {
    const { status } = await crm.call(method, path, options);
    return [status, (await crm.lastEntry()).status];
  };
  assert.deepEqual(await statuses('GET', '/cars/%zz'), [400, 400]);
  assert.deepEqual(await statuses('GET', '/cars?q=%zz'), [400, 400]);
  assert.deepEqual(await statuses('GET', '/cars', { headers: { Authorization: 'x' } }), [401, 401]);
  assert.deepEqual(await statuses('GET', '/cars/nope'), [404, 404]);
  assert.deepEqual(await statuses('POST', '/cars', { body: '{"year":"x"}' }), [422, 422]);
  assert.deepEqual((await crm.log()).map(({ n }) => n), [1, 2, 3, 4, 5]);
});

test('the body is parsed where it is JSON', async () => {
  const bodies = [
    ['{"make":"Seat"}', { make: 'Seat' }],
    ['[]', []],
    ['{broken', '{broken'],
    ['5', 5],
    // Deeper than JSON could be written again.
    ['['.repeat(20_000), '['.repeat(20_000)],
    ['['.repeat(20_000) + ']'.repeat(20_000), '['.repeat(20_000) + ']'.repeat(20_000)],
  ];
  for (const [sent, logged] of bodies) {
    await crm.call('POST', '/cars', { body: sent });
    assert.deepEqual((await crm.lastEntry()).body, logged);
  }
});

test('credentials are redacted, whichever way they are sent', async () => {
  const basic = Buffer.from('user:hidden').toString('base64');
  const table = [
    ['bearer:hidden', { Authorization: 'Bearer hidden' }, 'authorization'],
    ['bearer:other', { Authorization: 'Bearer hidden' }, 'authorization'],
    ['basic:user:hidden', { Authorization: `Basic ${basic}` }, 'authorization'],
    ['header:X-Api-Key:hidden', { 'X-API-Key': 'hidden' }, 'x-api-key'],
    ['header:X-Api-Key:hidden', { 'X-API-Key': 'hidden', Authorization: 'Bearer hidden' }, 'authorization'],
    ['none', { Authorization: 'hidden' }, 'authorization'],
  ];
  for (const [auth, headers, name] of table) {
    await crm.control('PUT', '/settings', { auth });
    await crm.request('GET', `${crm.endpoint}/dealers/${DEALER}/cars`, { headers });
    const entry = await crm.lastEntry();
    assert.equal(entry.headers[name], '[redacted]');
    assert.equal(entry.credentials, true);
    assert.doesNotMatch(JSON.stringify(entry), /hidden/);
    assert.ok(!JSON.stringify(entry).includes(basic));
  }
  await crm.request('GET', `${crm.endpoint}/dealers/${DEALER}/cars`);
  assert.equal((await crm.lastEntry()).credentials, false);
});

test('an entry appears when the request arrives, and is completed by the answer', async () => {
  await crm.fault({ type: 'latency', ms: 300 });
  const reply = crm.list('cars', {});
  let entry;
  while (!entry) entry = await crm.lastEntry();
  assert.deepEqual([entry.n, entry.status, entry.ms], [1, null, null]);
  await reply;
  entry = await crm.lastEntry();
  assert.deepEqual([entry.n, entry.status, entry.documents], [1, 200, 50]);
  assert.ok(entry.ms >= 295);
});

test('an entry is complete before the last byte is sent', async () => {
  for (let n = 0; n < 20; n++) {
    await crm.list('cars', { limit: 1 + n });
    // Read directly: a request for the log would give the sandbox time.
    const entry = crm.sandbox.log.entries().at(-1);
    assert.deepEqual([entry.status, entry.documents], [200, 1 + n]);
    assert.ok(entry.ms !== null && entry.bytes > 0);
  }
});

test('aborted: the client left before it had the whole answer', async () => {
  await crm.fault({ type: 'latency', ms: 100 });
  await assert.rejects(crm.call('GET', '/cars', { signal: AbortSignal.timeout(20) }));
  let entry;
  do entry = await crm.lastEntry();
  while (!entry.aborted);
  assert.equal(entry.status, null);
  await crm.control('DELETE', '/faults');
  await crm.list('cars', {});
  assert.equal('aborted' in (await crm.lastEntry()), false);
});

test('a connection that the sandbox cuts off is not aborted', async () => {
  for (const when of ['before', 'during', 'after']) {
    await crm.reset();
    await crm.fault({ type: 'close', when });
    await sendBytes(crm.endpoint, getBytes('/cars'));
    assert.equal('aborted' in (await crm.lastEntry()), false, when);
  }
});

test('the results host has its place in the same log', async () => {
  const headers = { Authorization: AUTHORIZATION };
  await crm.request('GET', `${crm.resultsEndpoint}/services/s3/dealers/${DEALER}/x`, { headers });
  const { listener, kind, status } = await crm.lastEntry();
  assert.deepEqual([listener, kind, status], ['results', 'results', 404]);
});

test('take answers with what was there, and empties it', async () => {
  await crm.call('GET', '/cars', { query: { limit: 1 } });
  const entries = await crm.control('POST', '/log/take');
  assert.deepEqual(entries.map(({ kind, resource }) => [kind, resource]), [['list', 'cars']]);
  assert.deepEqual(await crm.control('GET', '/log'), []);
});

test('DELETE empties it, and numbers begin again', async () => {
  await crm.list('cars', {});
  await crm.list('cars', {});
  assert.deepEqual((await crm.log()).map(({ n }) => n), [1, 2]);
  assert.deepEqual(await crm.control('DELETE', '/log'), {});
  assert.deepEqual(await crm.log(), []);
  await crm.list('cars', {});
  assert.deepEqual((await crm.log()).map(({ n }) => n), [1]);
});

test('nothing of the control surface is in it', async () => {
  await crm.control('GET', '/settings');
  await crm.control('GET', '/faults');
  await crm.request('GET', `${crm.endpoint}/_sandbox/nope`);
  assert.deepEqual(await crm.log(), []);
});

test('it keeps the last 200,000 requests', () => {
  const log = new RequestLog();
  for (let n = 0; n < 500_001; n++) log.add({});
  const entries = log.entries();
  assert.equal(entries.length, 200_000);
  assert.deepEqual([entries[0].n, entries.at(-1).n], [300_002, 500_001]);
});

test('200,000 entries are sent while other requests are answered', async () => {
  await crm.list('cars', { q: { _id: { $gt: 'f' } }, sort: '_id', limit: 2, project: 'make' });
  const entry = await crm.lastEntry();
  for (let n = 1; n < 200_000; n++) crm.sandbox.log.add({ ...entry });
  // Another process reads it, as fast as it can, so that sending it never has to wait.
  const reader = execFileAsync(process.execPath, ['-e', COUNT_LINES, `${crm.endpoint}/_sandbox/log`]);
  let isRead = false;
  reader.finally(() => (isRead = true));
  let answered;
  const { log } = crm.sandbox;
  log.entries = () => {
    answered = 0;
    return RequestLog.prototype.entries.call(log);
  };
  for (; !isRead; answered++) {
    await crm.list('cars', { limit: 1 });
    await setTimeout(5);
  }
  assert.equal((await reader).stdout, '200000');
  assert.ok(answered > 50, `${answered} requests were answered`);
});
