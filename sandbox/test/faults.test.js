/* What each type of fault does to a request and its answer. Which requests a rule hits: rules.test.js. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { getBytes, sendBytes } from './support/bytes.js';
import { assertRefused, AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm();

beforeEach(() => crm.reset());

const list = (query, options) => crm.call('GET', '/cars', { query, ...options });
const exists = async (id) => (await crm.list('notes', { q: { _id: id } })).length === 1;
const post = (_id, options) => crm.call('POST', '/notes', { body: { _id }, ...options });

/** Repeats a question until the answer is yes. */
async function until(isSo) {
  while (!(await isSo()));
}

test('latency: the request waits and is handled', async () => {
  await crm.fault({ type: 'latency', ms: 120 });
  const started = performance.now();
  assert.equal((await list()).json.length, 50);
  assert.ok(performance.now() - started >= 115);
});

test('latency: the request is handled even if the client has left', async () => {
  await crm.fault({ type: 'latency', ms: 120 }, { match: { kind: 'create' } });
  await assert.rejects(post('left', { signal: AbortSignal.timeout(30) }));
  assert.equal(await exists('left'), false);
  await until(() => exists('left'));
});

test('hold: the request waits until the fault is taken away, and is handled', async () => {
  await crm.fault({ type: 'hold' });
  const held = [list(), list()];
  await until(async () => (await crm.log()).length === 2);
  assert.deepEqual((await crm.log()).map(({ status }) => status), [null, null]);
  await crm.control('DELETE', '/faults');
  for (const { json } of await Promise.all(held)) assert.equal(json.length, 50);
});

test('hang: never an answer, and the request is not handled', async () => {
  await crm.fault({ type: 'hang' }, { times: 1 });
  await assert.rejects(post('hung', { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  await until(async () => (await crm.log())[0].aborted);
  assert.equal(await exists('hung'), false);
  assert.equal((await crm.log())[0].status, null);
});

test('status: instead of handling the request', async () => {
  await crm.fault({ type: 'status', status: 429, retry_after: 3 }, { times: 1 });
  const reply = await post('refused');
  assertRefused(reply, 429, /the sandbox was told to answer 429/);
  assert.equal(reply.headers.get('Retry-After'), '3');
  assert.equal(await exists('refused'), false);

  await crm.control('DELETE', '/faults');
  await crm.fault({ type: 'status', status: 503, error: 'down for a while', retry_after: 'Wed, 21 Oct 2026 07:28:00 GMT' }, { times: 1 });
  const other = await list();
  assertRefused(other, 503, /^down for a while$/);
  assert.equal(other.headers.get('Retry-After'), 'Wed, 21 Oct 2026 07:28:00 GMT');

  await crm.fault({ type: 'status', status: 500, body: '<html>' }, { times: 1 });
  const broken = await list();
  assert.deepEqual([broken.status, broken.text, broken.headers.get('Retry-After')], [500, '<html>', null]);
});

test('status: the time to come again as a date from now', async () => {
  await crm.fault({ type: 'status', status: 503, retry_after: 30, retry_after_form: 'date' });
  const wait = Date.parse((await list()).headers.get('Retry-After')) - Date.now();
  assert.ok(wait > 28_000 && wait <= 31_000, `${wait} ms`);
});

test('status comes before credentials and parameters', async () => {
  await crm.fault({ type: 'status', status: 418 });
  assert.equal((await crm.request('GET', `${crm.endpoint}/dealers/${DEALER}/cars?q=%zz`)).status, 418);
});

test('close before: unhandled and unanswered', async () => {
  await crm.fault({ type: 'close', when: 'before' }, { times: 1 });
  await assert.rejects(post('closed'));
  assert.equal(await exists('closed'), false);
  await crm.reset();
  await crm.fault({ type: 'close', when: 'before' });
  const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars'));
  assert.equal(head + body, '');
  const { status, documents, bytes } = await crm.lastEntry();
  assert.deepEqual([status, documents, bytes], [null, null, 0]);
});

test('close during: handled, the headers promise all, half of the body comes', async () => {
  const { text } = await list({ limit: 5 });
  await crm.fault({ type: 'close', when: 'during' });
  const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars?limit=5'));
  const half = Buffer.from(text).subarray(0, Math.floor(Buffer.byteLength(text) / 2));
  assert.match(head, new RegExp(`^HTTP/1.1 200 OK\r\n[^]*Content-Length: ${Buffer.byteLength(text)}\r\n`));
  assert.equal(body, half.toString());
  const { status, documents, bytes } = await crm.lastEntry();
  assert.deepEqual([status, documents, bytes], [200, 5, half.length]);
  await assert.rejects(post('half'));
  await crm.control('DELETE', '/faults');
  assert.equal(await exists('half'), true);
});

test('close after: handled, the whole reply, which promises to keep the connection', async () => {
  const { text } = await list();
  await crm.fault({ type: 'close', when: 'after' });
  const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars'));
  assert.match(head, /\r\nConnection: keep-alive/i);
  assert.equal(body, text);
  assert.equal((await post('after')).status, 200);
  await crm.control('DELETE', '/faults');
  assert.equal(await exists('after'), true);
});

test('close announced: handled, and the reply says that the connection ends', async () => {
  const { text } = await list();
  await crm.fault({ type: 'close', when: 'announced' });
  const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars'));
  assert.match(head, /\r\nConnection: close/i);
  assert.equal(body, text);
});

test('close during, after so many bytes; a streamed body breaks off between its chunks', async () => {
  const { text } = await list({ limit: 5 });
  for (const bytes of [0, 1, 100, 1_000_000]) {
    await crm.reset();
    await crm.fault({ type: 'close', when: 'during', bytes });
    const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars?limit=5'));
    assert.match(head, new RegExp(`\r\nContent-Length: ${Buffer.byteLength(text)}(\r\n|$)`));
    assert.equal(body, Buffer.from(text).subarray(0, bytes).toString());
    assert.equal((await crm.lastEntry()).bytes, Buffer.byteLength(body));
  }
  await crm.reset({ scale: 2000 });
  await crm.fault({ type: 'ignore', limit: true });
  await crm.fault({ type: 'close', when: 'during', bytes: 200_000 });
  const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars'));
  assert.match(head, /\r\nTransfer-Encoding: chunked/i);
  assert.equal((await crm.lastEntry()).bytes, 200_000);
  assert.ok(Buffer.byteLength(body) > 200_000, 'with the marks of the chunks');
  assert.doesNotMatch(body, /\r\n0\r\n\r\n$/);
  await crm.reset();
});

test('reset: the connection is not closed but reset', async () => {
  const { text } = await list();
  await crm.fault({ type: 'reset', when: 'before' }, { match: { kind: 'create' } });
  await assert.rejects(post('reset'));
  assert.equal(await exists('reset'), false);
  const body = '{}';
  const bytes = `POST /dealers/${DEALER}/notes HTTP/1.1\r\nHost: s\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  assert.equal((await sendBytes(crm.endpoint, bytes)).failure, 'ECONNRESET');
  await crm.fault({ type: 'reset', when: 'during', bytes: 1000 }, { match: { kind: 'list' } });
  const broken = await sendBytes(crm.endpoint, getBytes('/cars'));
  assert.equal(broken.failure, 'ECONNRESET');
  assert.ok(text.startsWith(broken.body));
  assert.equal((await crm.lastEntry()).status, 200);
});

test('without a fault the connection is kept', async () => {
  const twice = getBytes('/cars?limit=1') + getBytes('/cars?limit=1', { Connection: 'close' });
  const { body } = await sendBytes(crm.endpoint, twice);
  assert.equal(body.split('HTTP/1.1 200 OK').length, 2);
});

test('truncate: part of the body, with a Content-Length that fits', async () => {
  const whole = Buffer.from((await list({ limit: 5 })).text);
  for (const [at, length] of [[undefined, Math.floor(whole.length / 2)], [0, 0], [0.9, Math.floor(whole.length * 0.9)], [1, whole.length]]) { // prettier-ignore
    await crm.control('DELETE', '/faults');
    await crm.fault({ type: 'truncate', at });
    const { head, body } = await sendBytes(crm.endpoint, getBytes('/cars?limit=5', { Connection: 'close' }));
    assert.match(head, new RegExp(`\r\nContent-Length: ${length}(\r\n|$)`));
    assert.equal(body, whole.subarray(0, length).toString());
  }
});

test('invalid_json: another last bracket, or a text of its own', async () => {
  const { text } = await list({ limit: 2 });
  await crm.fault({ type: 'invalid_json' });
  assert.equal((await list({ limit: 2 })).text, `${text.slice(0, -1)}}`);
  await crm.control('DELETE', '/faults');
  await crm.fault({ type: 'invalid_json', text: '[{"_id":"é' });
  const reply = await list();
  assert.deepEqual([reply.status, reply.text, reply.hasMore], [200, '[{"_id":"é', 'true']);
});

test('slow: so many bytes every so often', async () => {
  const { text } = await list({ limit: 2 });
  const length = Buffer.byteLength(text);
  await crm.fault({ type: 'slow', bytes: Math.ceil(length / 5), ms: 40 });
  const { head, body, times } = await sendBytes(crm.endpoint, getBytes('/cars?limit=2', { Connection: 'close' }));
  assert.match(head, new RegExp(`\r\nContent-Length: ${length}(\r\n|$)`));
  assert.equal(body, text);
  assert.ok(times.length >= 4, `${times.length} parts`);
  assert.ok(times.at(-1) - times[0] >= 100, `${times.at(-1) - times[0]} ms`);
});

test('redirect', async () => {
  await crm.fault({ type: 'redirect', location: 'http://127.0.0.1:1/elsewhere' });
  const reply = await list();
  assert.deepEqual([reply.status, reply.headers.get('Location'), reply.text], [302, 'http://127.0.0.1:1/elsewhere', '']);
  await crm.control('DELETE', '/faults');
  await crm.fault({ type: 'redirect', location: '/x', status: 308 });
  assert.equal((await post('redirected')).status, 308);
  await crm.control('DELETE', '/faults');
  assert.equal(await exists('redirected'), false);
});

test('redirect to the same path and query elsewhere', async () => {
  await crm.fault({ type: 'redirect', location: 'http://127.0.0.2:1{url}' });
  const reply = await list({ limit: 1, search: '$&' });
  assert.equal(reply.headers.get('Location'), `http://127.0.0.2:1/dealers/${DEALER}/cars?limit=1&search=%24%26`);
});

test('content_type', async () => {
  const { text } = await list();
  await crm.fault({ type: 'content_type', value: 'text/html; charset=latin1' });
  const reply = await list();
  assert.deepEqual([reply.status, reply.text, reply.headers.get('Content-Type')], [200, text, 'text/html; charset=latin1']);
});

test('has_more', async () => {
  for (const [value, header, logged] of [['missing', null, null], ['true', 'true', true], ['false', 'false', false]]) { // prettier-ignore
    await crm.control('DELETE', '/faults');
    await crm.fault({ type: 'has_more', value });
    for (const skip of [0, 119]) {
      const reply = await list({ skip });
      assert.equal(reply.hasMore, header);
      assert.ok(reply.json.length > 0);
      assert.equal((await crm.lastEntry()).has_more, logged);
    }
  }
});

/** What is ignored, a list that has it, and the same list without it. */
const IGNORED = [
  ['q', { q: { make: 'Seat' }, limit: 5 }, { limit: 5 }],
  ['q', { q: '{broken', limit: 5 }, { limit: 5 }],
  ['search', { search: 'make = Seat' }, {}],
  ['sort', { sort: '-_id' }, {}],
  ['project', { project: 'make' }, {}],
  ['skip', { skip: 10 }, {}],
  ['group_by', { group_by: { make: '$make' }, limit: 3 }, { limit: 3 }],
];

for (const [name, query, same] of IGNORED) {
  test(`ignore ${name}: ${JSON.stringify(query)}`, async () => {
    const expected = await list(same);
    await crm.fault({ type: 'ignore', [name]: true });
    const reply = await list(query);
    assert.deepEqual([reply.json, reply.hasMore], [expected.json, expected.hasMore]);
    assert.deepEqual((await crm.lastEntry()).query, JSON.parse(JSON.stringify({ ...query, limit: query.limit?.toString(), skip: query.skip?.toString() })));
  });
}

test('ignore limit: everything that matches, as there is no cap either', async () => {
  await crm.fault({ type: 'ignore', limit: true, q: true });
  const reply = await list({ limit: 5, q: { make: 'Seat' }, skip: 10 });
  assert.deepEqual([reply.json.length, reply.hasMore], [110, 'false']);
});

test('page_cap: another cap for this request', async () => {
  await crm.fault({ type: 'page_cap', value: 3 }, { times: 1 });
  const reply = await list({ limit: 10 });
  assert.deepEqual([reply.json.length, reply.hasMore], [3, 'true']);
  assert.equal((await list({ limit: 10 })).json.length, 10);
});

test('miscount: a page with fewer documents, or with some again', async () => {
  const whole = (await list({ limit: 10 })).json;
  await crm.fault({ type: 'miscount', drop: 4, repeat: 1 }, { times: 1 });
  const reply = await list({ limit: 10 });
  assert.deepEqual([reply.json, reply.hasMore], [[...whole.slice(0, 6), whole[0]], 'true']);
  await crm.fault({ type: 'miscount', drop: 1000 });
  assert.deepEqual((await list({ limit: 10 })).json, []);
});

test('reply: a canned one, without handling the request', async () => {
  await crm.fault({ type: 'reply' }, { times: 1 });
  const empty = await post('canned');
  assert.deepEqual([empty.status, empty.text], [200, '']);
  assert.equal(await exists('canned'), false);

  await crm.control('DELETE', '/faults');
  await crm.fault({ type: 'reply', status: 207, headers: { 'X-A': 'b', 'MAPP-has-more': 'perhaps' }, body: '[ñ]' }, { times: 1 });
  const text = await list();
  assert.deepEqual([text.status, text.headers.get('X-A'), text.hasMore, text.text], [207, 'b', 'perhaps', '[ñ]']);

  await crm.fault({ type: 'reply', body_base64: Buffer.from([0x5b, 0xff, 0xc0, 0x00, 0x5d]).toString('base64') });
  const reply = await fetch(`${crm.endpoint}/dealers/${DEALER}/cars`);
  assert.deepEqual([...new Uint8Array(await reply.arrayBuffer())], [0x5b, 0xff, 0xc0, 0x00, 0x5d]);
});

test('mutate: documents come and go after the reply', async () => {
  const before = await crm.list('cars', {});
  const gone = before[1]._id;
  await crm.fault(
    { type: 'mutate', insert: { cars: [{ _id: 'in', make: 1 }], sms: [{ _id: 's' }] }, delete: { cars: [gone, 'nope'] } },
    { match: { kind: 'list' }, times: 1 },
  );
  assert.deepEqual(await crm.list('cars', {}), before, 'this reply is as before');
  assert.deepEqual(await crm.ask('GET', '/cars/in'), [{ _id: 'in', make: 1 }]);
  assertRefused(await crm.call('GET', `/cars/${gone}`), 404);
  const [rule] = await crm.control('GET', '/faults');
  assert.deepEqual([rule.inserted, rule.deleted], [{ cars: ['in'], sms: ['s'] }, { cars: [gone] }]);
});

test('mutate random: the same for the same seed, and ids fall between the others', async () => {
  const changes = async (seed) => {
    await crm.reset();
    const random = { resource: 'cars', insert: 3, delete: 2, seed };
    await crm.fault({ type: 'mutate', random }, { match: { kind: 'list' }, times: 2 });
    for (let n = 0; n < 3; n++) await list();
    const [{ inserted, deleted }] = await crm.control('GET', '/faults');
    return { inserted: inserted.cars, deleted: deleted.cars };
  };
  const first = await changes(7);
  assert.deepEqual([first.inserted.length, first.deleted.length], [6, 4]);
  assert.equal(new Set(first.inserted).size, 6);
  const left = first.inserted.filter((id) => !first.deleted.includes(id));
  assert.equal((await crm.list('cars', { q: { _id: { $in: left } } })).length, left.length);
  assert.equal((await crm.list('cars', { q: { _id: { $in: first.deleted } } })).length, 0);
  for (const id of first.inserted) assert.match(id, /^[0-9a-f]{24}$/);
  assert.deepEqual(await changes(7), first);
  assert.notDeepEqual(await changes(8), first);
});

test('mutate random: no more are deleted than there are', async () => {
  await crm.fault({ type: 'mutate', random: { resource: 'sms', delete: 10 } }, { times: 1 });
  await list();
  assert.deepEqual(await crm.list('sms', {}), []);
});

test('faults of the results host', async () => {
  const [{ job_url }] = await crm.ask('GET', '/cars/all');
  const headers = { Authorization: AUTHORIZATION };
  let state = {};
  while (state.status !== 'finished') [state] = (await crm.request('GET', job_url, { headers })).json;
  const { text } = await crm.request('GET', state.results_url, { headers });
  for (const [fault, expected] of [[{ type: 'truncate' }, text.length / 2], [{ type: 'slow', bytes: 10_000, ms: 1 }, text.length]]) { // prettier-ignore
    await crm.control('DELETE', '/faults');
    await crm.fault(fault, { match: { kind: 'results', resource: 'cars' } });
    const reply = await crm.request('GET', state.results_url, { headers });
    assert.ok(Math.abs(reply.text.length - expected) < 50);
  }
});
