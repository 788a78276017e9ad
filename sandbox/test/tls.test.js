/* The listeners over TLS: HTTP/2 and HTTP/1.1, the same API, log and faults. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { beforeEach, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { askOverTls, Http2Client, makeCertificate } from './support/certificate.js';
import { AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

const { cert: ca, key } = makeCertificate();
const crm = await startCrm({ listeners: { tls: { cert: ca, key } } });
const url = crm.urls.api_tls;
const CARS = `/dealers/${DEALER}/cars`;

beforeEach(() => crm.reset());

const connected = () => new Http2Client(url, ca);
const listText = async (query = {}) => (await crm.call('GET', '/cars', { query })).text;
const entries = async (wanted) =>
  (await crm.log()).filter((entry) => Object.entries(wanted).every(([name, value]) => entry[name] === value));

test('the same answers in HTTP/2 and HTTP/1.1', async () => {
  const expected = await listText();
  for (const reply of [await connected().ask('/cars'), await askOverTls(`${url}${CARS}`, { ca })]) {
    assert.equal(reply.status, 200);
    assert.equal(reply.body.toString(), expected);
    assert.equal(reply.headers['mapp-has-more'], 'true');
    assert.equal(reply.headers['content-length'], String(Buffer.byteLength(expected)));
  }
  const versions = (await crm.log()).map(({ listener, http_version }) => [listener, http_version]);
  assert.deepEqual(versions, [['api', '1.1'], ['api_tls', '2.0'], ['api_tls', '1.1']]); // prettier-ignore
});

test('an entry of a request in HTTP/2', async () => {
  const client = connected();
  const { body } = await client.ask('/cars?limit=3', { headers: { authorization: AUTHORIZATION, 'x-request': 'one' } });
  const { host, headers, credentials, raw_path, status, documents, bytes, has_more } = await crm.lastEntry();
  assert.deepEqual(headers, { authorization: '[redacted]', 'x-request': 'one' });
  assert.deepEqual([host, raw_path, credentials], [`localhost:${new URL(url).port}`, `${CARS}?limit=3`, true]);
  assert.deepEqual([status, documents, bytes, has_more], [200, 3, body.length, true]);
  assert.equal('aborted' in (await crm.lastEntry()), false);
});

test('writes, errors, and an id that takes 30 kB in the URL', async () => {
  const client = connected();
  const created = await client.ask('/cars', { method: 'POST', body: '{"_id":"new","make":"Seat"}' });
  assert.deepEqual([created.status, JSON.parse(created.body).make], [200, 'Seat']);
  assert.equal((await client.ask('/cars/nope')).status, 404);
  assert.equal((await client.ask('/cars', { headers: {} })).status, 401);
  assert.equal((await client.ask('', { path: '/_sandbox/log' })).status, 404, 'the control surface is elsewhere');
  const long = encodeURIComponent('ñ'.repeat(5000));
  assert.equal((await client.ask(`/cars/${long}`)).status, 404);
  assert.equal((await askOverTls(`${url}${CARS}/${long}`, { ca })).status, 404);
});

test('many requests on one connection are answered at the same time', async () => {
  await crm.fault({ type: 'latency', ms: 1000 });
  const client = connected();
  const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => client.ask(`/cars?limit=1&skip=${n}`)));
  const logged = await entries({ listener: 'api_tls' });
  const ends = logged.map(({ started_at, ms }) => Date.parse(started_at) + ms);
  assert.ok(logged.every(({ started_at }) => Date.parse(started_at) < Math.min(...ends)), 'all are under way at once');
  assert.equal(new Set(logged.map(({ connection }) => connection)).size, 1);
  const documents = replies.flatMap(({ body }) => JSON.parse(body));
  assert.deepEqual(documents, JSON.parse(await listText({ limit: 20 })));
});

test('many long streams that nobody reads yet keep no other from being answered', async () => {
  await crm.reset({ scale: 1000 });
  await crm.control('PUT', '/settings', { page_cap: 5000 });
  const client = connected();
  const waiting = Array.from({ length: 60 }, () => client.start(CARS).pause());
  while ((await entries({ listener: 'api_tls', status: 200 })).length < 60);
  const lengthOf = ({ body }) => JSON.parse(body).length;
  const others = await Promise.all(Array.from({ length: 30 }, () => client.ask('/cars?limit=10')));
  assert.deepEqual(new Set(others.map(lengthOf)), new Set([10]));
  const replies = await Promise.all(waiting.map((stream) => client.reply(stream.resume())));
  assert.deepEqual(new Set(replies.map(lengthOf)), new Set([1000]));
  await crm.reset();
});

test('a job stays on the listeners over TLS', async () => {
  const client = connected();
  const [{ job_url }] = JSON.parse((await client.ask('/cars/all')).body);
  assert.ok(job_url.startsWith(`${url}/`));
  let state = {};
  while (state.status !== 'finished') [state] = JSON.parse((await client.ask('', { path: new URL(job_url).pathname })).body);
  assert.ok(state.results_url.startsWith(`${crm.urls.results_tls}/`));
  const results = new Http2Client(crm.urls.results_tls, ca);
  const { body } = await results.ask('', { path: new URL(state.results_url).pathname });
  assert.equal(JSON.parse(body).length, 120);
  const { listener, kind, http_version } = await crm.lastEntry();
  assert.deepEqual([listener, kind, http_version], ['results_tls', 'results', '2.0']);
});

test('status, redirect, truncate, slow, reply', async () => {
  const client = connected();
  const whole = Buffer.from(await listText({ limit: 5 }));
  const replyTo = async (fault) => {
    await crm.control('DELETE', '/faults');
    await crm.fault(fault);
    return client.ask('/cars?limit=5');
  };
  const refused = await replyTo({ type: 'status', status: 503, retry_after: 7 });
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '7']);
  const redirect = await replyTo({ type: 'redirect', location: 'https://localhost/' });
  assert.deepEqual([redirect.status, redirect.headers.location], [302, 'https://localhost/']);
  const part = await replyTo({ type: 'truncate' });
  assert.deepEqual([part.body, part.code], [whole.subarray(0, Math.floor(whole.length / 2)), NGHTTP2_NO_ERROR]);
  assert.equal(part.headers['content-length'], String(part.body.length));
  assert.deepEqual((await replyTo({ type: 'slow', bytes: Math.ceil(whole.length / 3), ms: 20 })).body, whole);
  const canned = await replyTo({ type: 'reply', body: '[', headers: { 'Content-Type': 'application/json' } });
  assert.deepEqual([canned.status, canned.body.toString()], [200, '[']);
});

test('compressed, and headers that HTTP/2 does not have', async () => {
  const client = connected();
  await crm.control('PUT', '/settings', { compress: ['gzip'] });
  const headers = { authorization: AUTHORIZATION, 'accept-encoding': 'gzip' };
  const packed = await client.ask('/cars', { headers });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(packed.body).toString(), await listText());
  await crm.fault({ type: 'reply', body: '[]', headers: { Connection: 'close', 'Transfer-Encoding': 'chunked', 'X-A': 'b' } });
  const canned = await client.ask('/cars');
  assert.deepEqual([canned.status, canned.body.toString(), canned.headers['x-a']], [200, '[]', 'b']);
});

test('close: the whole connection ends, with all that is on it', async () => {
  const whole = Buffer.from(await listText());
  for (const [when, expected] of [['before', ''], ['during', whole.subarray(0, Math.floor(whole.length / 2))], ['after', whole]]) { // prettier-ignore
    await crm.reset();
    await crm.fault({ type: 'hang' }, { match: { resource: 'notes' } });
    await crm.fault({ type: 'close', when }, { match: { resource: 'cars' } });
    const client = connected();
    const other = client.ask('/notes');
    const reply = await client.ask('/cars');
    assert.equal(reply.body.toString(), expected.toString(), when);
    assert.equal((await other).status, undefined);
    assert.ok(client.session.destroyed);
    while ((await entries({ ms: null })).length > 0);
    assert.equal('aborted' in (await entries({ resource: 'cars' }))[0], false);
  }
});

test('close announced: the reply is whole, and no other request is taken on this connection', async () => {
  await crm.fault({ type: 'latency', ms: 100 }, { match: { resource: 'notes' } });
  await crm.fault({ type: 'close', when: 'announced' }, { match: { resource: 'cars' } });
  const client = connected();
  const goaway = once(client.session, 'goaway');
  const other = client.ask('/notes');
  assert.equal((await client.ask('/cars')).body.toString(), await listText());
  const [code] = await goaway;
  assert.equal(code, NGHTTP2_NO_ERROR);
  assert.equal((await other).status, 200, 'what is under way is answered');
  const { headers } = await askOverTls(`${url}${CARS}`, { ca });
  assert.equal(headers.connection, 'close');
});

test('reset: the stream ends with a code, and the connection goes on', async () => {
  const whole = await listText();
  const client = connected();
  await crm.fault({ type: 'reset', when: 'before', code: NGHTTP2_REFUSED_STREAM }, { times: 1 });
  const refused = await client.ask('/cars');
  assert.deepEqual([refused.status, refused.code], [undefined, NGHTTP2_REFUSED_STREAM]);
  await crm.fault({ type: 'reset', when: 'during' }, { times: 1 });
  const half = await client.ask('/cars');
  assert.equal(half.code, NGHTTP2_INTERNAL_ERROR);
  assert.ok(half.body.length > 0 && half.body.length < whole.length);
  assert.equal((await client.ask('/cars')).body.toString(), whole);
  const found = await entries({ listener: 'api_tls' });
  assert.deepEqual(found.map(({ status }) => status), [null, 200, 200]);
  assert.ok(found.every((entry) => !('aborted' in entry) && entry.connection === found[0].connection));
});

test('aborted: a stream that the client cancels, and a connection that it drops', async () => {
  await crm.fault({ type: 'hang' }, { match: { resource: 'cars' } });
  await crm.fault({ type: 'slow', bytes: 10, ms: 20 }, { match: { resource: 'sms' } });
  const client = connected();
  for (const path of [CARS, `/dealers/${DEALER}/sms`]) {
    const stream = client.start(path);
    const cancelled = client.reply(stream);
    do await client.ask('/notes');
    while ((await entries({ path })).length === 0);
    stream.close(NGHTTP2_CANCEL);
    await cancelled;
    while (!(await entries({ path }))[0].aborted);
    assert.equal((await client.ask('/notes')).status, 200, 'the connection goes on');
  }
  const dropped = client.ask('/cars');
  while ((await entries({ path: CARS })).length < 2);
  client.session.destroy();
  await dropped;
  while (!(await entries({ path: CARS }))[1].aborted);
});
