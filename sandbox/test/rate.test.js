/* The limit on requests a second, and what a client is told that asks too often. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { RateLimiter, retryAfter } from '../http/rate.js';
import { assertRefused, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm({ listeners: { extra: [{ name: 'evil', host: '127.0.0.1', port: 0, isSecure: false }] } });

beforeEach(() => crm.reset());

const limit = (rate_limit) => crm.control('PUT', '/settings', { rate_limit });
const ask = () => crm.call('GET', '/cars', { query: { limit: 1 } });

async function statuses(count) {
  const replies = [];
  for (let n = 0; n < count; n++) replies.push((await ask()).status);
  return replies;
}

test('there is no limit at first', async () => {
  assert.deepEqual(await statuses(50), Array(50).fill(200));
});

test('so many at once, then 429, with the seconds to wait', async () => {
  await limit({ per_second: 0.01, burst: 3 });
  assert.deepEqual(await statuses(4), [200, 200, 200, 429]);
  const reply = await ask();
  assertRefused(reply, 429, /no more than 0.01 requests a second/);
  assert.match(reply.headers.get('Retry-After'), /^\d\d?\d?$/);
  const { status, fault } = await crm.lastEntry();
  assert.deepEqual([status, fault], [429, null]);
});

test('who waits is answered, and refused requests do not count', () => {
  const limiter = new RateLimiter({ per_second: 20 }, 0);
  const statusesAt = (now, count) => Array.from({ length: count }, () => limiter.refusal(now)?.status ?? 200);
  assert.deepEqual(statusesAt(0, 3), [200, 429, 429]);
  assert.deepEqual(statusesAt(49, 1), [429]);
  assert.deepEqual(statusesAt(51, 2), [200, 429]);
  assert.deepEqual(statusesAt(300, 2), [200, 429], 'no more than the burst is saved');
});

test('the seconds to wait are those until a request may pass', () => {
  const limiter = new RateLimiter({ per_second: 0.5 }, 0);
  limiter.refusal(0);
  assert.deepEqual([0, 900, 1100].map((now) => limiter.refusal(now).headers['Retry-After']), ['2', '2', '1']);
  assert.equal(limiter.refusal(2000), null);
});

test('the time to come again as a date, or not at all', async () => {
  await limit({ per_second: 0.01, retry_after: 'date' });
  await ask();
  const reply = await ask();
  const header = reply.headers.get('Retry-After');
  assert.match(header, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  const wait = Date.parse(header) - Date.now();
  assert.ok(wait > 1000 && wait <= 101_000, `${wait} ms`);
  await limit({ per_second: 0.01, retry_after: 'none' });
  await ask();
  const silent = await ask();
  assert.deepEqual([silent.status, silent.headers.get('Retry-After')], [429, null]);
});

test('a date is never before its time', () => {
  for (const ms of [0, 1, 999, 1000, 12_345]) {
    const earliest = Date.now() + ms;
    const told = Date.parse(retryAfter(ms, 'date'));
    assert.ok(told >= earliest && told < earliest + 1100);
  }
  assert.deepEqual([0, 1, 1000, 1001].map((ms) => retryAfter(ms)), ['0', '1', '1', '2']);
});

test('it counts the results host, not the hosts that should not be asked, nor the control surface', async () => {
  await limit({ per_second: 0.01, burst: 1 });
  assert.equal((await crm.request('GET', `${crm.resultsEndpoint}/x`)).status, 401);
  assert.equal((await ask()).status, 429);
  for (let n = 0; n < 3; n++) assert.equal((await crm.request('GET', `${crm.urls.evil}/dealers/${DEALER}/cars`)).status, 200);
  for (let n = 0; n < 3; n++) await crm.control('GET', '/settings');
});

test('a refused request meets no faults', async () => {
  await limit({ per_second: 0.01, burst: 2 });
  await crm.fault({ type: 'status', status: 503 }, { times: 2 });
  assert.deepEqual(await statuses(3), [503, 503, 429]);
  await limit(null);
  assert.deepEqual(await statuses(1), [200]);
  const [{ seen }] = await crm.control('GET', '/faults');
  assert.equal(seen, 3);
});

test('a reset, or the limit set again, begins anew; another setting does not', async () => {
  await limit({ per_second: 0.01 });
  assert.deepEqual(await statuses(2), [200, 429]);
  await crm.control('PUT', '/settings', { page_cap: 7 });
  assert.deepEqual(await statuses(1), [429]);
  await limit({ per_second: 0.01 });
  assert.deepEqual(await statuses(2), [200, 429]);
  await crm.reset();
  assert.deepEqual(await statuses(2), [200, 200]);
});
