/* Fault rules: which requests they hit, how often, how they are listed and removed, what is refused. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm();

beforeEach(() => crm.reset());

const list = (query) => crm.call('GET', '/cars', { query });
const statusOf = async (method, path) => (await crm.call(method, path)).status;
const TEAPOT = { type: 'status', status: 418 };

test('without a match every request is hit, always', async () => {
  await crm.fault(TEAPOT);
  for (let n = 0; n < 3; n++) assert.equal(await statusOf('GET', '/cars'), 418);
  assert.equal(await statusOf('DELETE', '/cars/x'), 418);
  assert.equal(await statusOf('GET', '/nowhere/at/all'), 418);
  assert.equal((await crm.request('GET', `${crm.endpoint}/.well-known/service-desc`)).status, 418);
  assert.equal((await crm.request('GET', `${crm.resultsEndpoint}/x`)).status, 418);
  assert.equal((await crm.request('GET', `${crm.endpoint}/_sandbox/log`)).status, 200, 'but for the control surface');
});

/** A match, requests that are hit, requests that are not. */
const MATCHES = [
  [{ method: 'GET' }, [['GET', '/cars']], [['POST', '/cars']]],
  [{ resource: 'cars' }, [['GET', '/cars'], ['DELETE', '/cars/x']], [['GET', '/sms'], ['GET', '/planes']]],
  [{ kind: 'list' }, [['GET', '/cars'], ['GET', '/planes']], [['GET', '/cars/x'], ['GET', '/cars/all']]],
  [{ listener: 'api' }, [['GET', '/cars']], []],
  [{ listener: 'results' }, [], [['GET', '/cars']]],
  [{ kind: 'get' }, [['GET', '/cars/x']], [['GET', '/cars']]],
  [{ path: '/cars/x$' }, [['GET', '/cars/x'], ['DELETE', '/cars/x'], ['GET', '/cars/%78']], [['GET', '/cars'], ['GET', '/cars/xy']]],
  [{ query: { q: 'Seat' } }, [['GET', '/cars?q={"make":"Seat"}']], [['GET', '/cars'], ['GET', '/cars?q={}'], ['GET', '/cars?search=Seat']]],
  [{ query: { skip: '^$|^0$' } }, [['GET', '/cars?skip='], ['GET', '/cars?skip=0']], [['GET', '/cars'], ['GET', '/cars?skip=10']]],
  [{ query: { limit: '5', sort: '_id' } }, [['GET', '/cars?limit=5&sort=-_id']], [['GET', '/cars?limit=5'], ['GET', '/cars?sort=_id']]],
  [{ method: 'GET', resource: 'cars', kind: 'list', path: 'c', query: { limit: '' } }, [['GET', '/cars?limit=1']], [['GET', '/sms?limit=1'], ['GET', '/cars']]],
  [{}, [['GET', '/cars']], []],
]; // prettier-ignore

for (const [match, hit, others] of MATCHES) {
  test(`match ${JSON.stringify(match)}`, async () => {
    await crm.fault(TEAPOT, { match });
    for (const [method, path] of hit) assert.equal(await statusOf(method, path), 418, path);
    for (const [method, path] of others) assert.notEqual(await statusOf(method, path), 418, path);
  });
}

test('skip lets so many pass first, times ends it', async () => {
  await crm.fault(TEAPOT, { match: { kind: 'list' }, skip: 2, times: 3 });
  const statuses = [];
  for (let n = 0; n < 7; n++) {
    statuses.push(await statusOf('GET', '/cars'));
    await crm.call('GET', '/cars/x');
  }
  assert.deepEqual(statuses, [200, 200, 418, 418, 418, 200, 200]);
});

test('probability: as often as it says, the same for the same seed', async () => {
  const hits = async (rule) => {
    await crm.reset();
    await crm.fault(TEAPOT, rule);
    const statuses = [];
    for (let n = 0; n < 200; n++) statuses.push((await list({ limit: 1 })).status);
    return statuses.map((status) => status === 418);
  };
  const share = (found) => found.filter(Boolean).length / found.length;
  const first = await hits({ probability: 0.3, seed: 5 });
  assert.ok(Math.abs(share(first) - 0.3) < 0.1, String(share(first)));
  assert.deepEqual(await hits({ probability: 0.3, seed: 5 }), first);
  assert.notDeepEqual(await hits({ probability: 0.3, seed: 6 }), first);
  assert.deepEqual([share(await hits({ probability: 0 })), share(await hits({ probability: 1 }))], [0, 1]);
});

test('probability: skip comes before it, times counts what was hit', async () => {
  const id = await crm.fault(TEAPOT, { probability: 0.5, seed: 3, skip: 2, times: 4 });
  const statuses = [];
  for (let n = 0; n < 40; n++) statuses.push(await statusOf('GET', '/cars'));
  assert.deepEqual(statuses.slice(0, 2), [200, 200]);
  assert.equal(statuses.filter((status) => status === 418).length, 4);
  assert.ok(statuses.slice(2).indexOf(200) < statuses.lastIndexOf(418), 'some are passed over');
  const [{ seen, applied, probability, seed }] = await crm.control('GET', '/faults');
  assert.deepEqual([id, seen, applied, probability, seed], [1, 40, 4, 0.5, 3]);
});

test('several rules may hit one request, and all apply; the log shows the first', async () => {
  const { ids } = await crm.control('POST', '/faults', [
    { match: { resource: 'sms' }, fault: TEAPOT },
    { fault: { type: 'latency', ms: 60 } },
    { fault: { type: 'content_type', value: 'text/plain' } },
    { fault: { type: 'has_more', value: 'missing' } },
    { fault: { type: 'page_cap', value: 4 } },
    { fault: { type: 'truncate', at: 0 } },
  ]);
  assert.deepEqual(ids, [1, 2, 3, 4, 5, 6]);
  const started = performance.now();
  const reply = await list();
  assert.ok(performance.now() - started >= 55);
  assert.deepEqual([reply.headers.get('Content-Type'), reply.hasMore, reply.text], ['text/plain', null, '']);
  const { fault, documents } = await crm.lastEntry();
  assert.deepEqual([fault, documents], [2, 4]);
});

test('the list of rules shows how often each was seen and applied', async () => {
  await crm.fault(TEAPOT, { match: { kind: 'list' }, skip: 1, times: 1 });
  await crm.fault({ type: 'has_more', value: 'true' });
  for (let n = 0; n < 3; n++) await list();
  assert.deepEqual(await crm.control('GET', '/faults'), [
    { id: 1, match: { kind: 'list' }, skip: 1, times: 1, probability: 1, seed: 1, fault: TEAPOT, seen: 3, applied: 1 },
    { id: 2, match: {}, skip: 0, times: null, probability: 1, seed: 1, fault: { type: 'has_more', value: 'true' }, seen: 3, applied: 3 },
  ]);
});

test('rules are removed, one or all', async () => {
  const first = await crm.fault(TEAPOT, { match: { kind: 'list' } });
  await crm.fault(TEAPOT, { match: { kind: 'get' } });
  await crm.control('DELETE', `/faults/${first}`);
  assert.deepEqual([await statusOf('GET', '/cars'), await statusOf('GET', '/cars/x')], [200, 418]);
  assertRefused(await crm.request('DELETE', `${crm.endpoint}/_sandbox/faults/${first}`), 404);
  await crm.control('DELETE', '/faults');
  assert.equal(await statusOf('GET', '/cars/x'), 404);
});

const WRONG_RULES = [
  [{}, /a rule: fault must be an object/],
  [{ fault: {} }, /type must be one of "latency", "hold",/],
  [{ fault: { type: 'explode' } }, /type must be one of/],
  [{ fault: { type: 'latency' } }, /the fault latency: ms must be an integer/],
  [{ fault: { type: 'latency', ms: -1 } }, /ms must be/],
  [{ fault: { type: 'hang', ms: 1 } }, /the fault hang has no "ms": it has nothing/],
  [{ fault: { type: 'status' } }, /status must be an integer from 200 to 599/],
  [{ fault: { type: 'status', status: 199 } }, /status must be/],
  [{ fault: { type: 'status', status: 429, retry_after: true } }, /retry_after must be/],
  [{ fault: { type: 'close' } }, /when must be one of "before", "during", "after", "announced"/],
  [{ fault: { type: 'close', when: 'during', bytes: -1 } }, /bytes must be an integer of at least 0/],
  [{ fault: { type: 'reset', when: 'after' } }, /when must be one of "before", "during"/],
  [{ fault: { type: 'reset', when: 'before', code: 14 } }, /code must be an integer from 0 to 13/],
  [{ fault: { type: 'truncate', at: 2 } }, /at must be a number from 0 to 1/],
  [{ fault: { type: 'slow', bytes: 0, ms: 1 } }, /bytes must be/],
  [{ fault: { type: 'redirect' } }, /location must be text/],
  [{ fault: { type: 'has_more', value: true } }, /value must be one of "missing", "true", "false"/],
  [{ fault: { type: 'ignore', q: false } }, /q must be true/],
  [{ fault: { type: 'ignore', filter: true } }, /has no "filter"/],
  [{ fault: { type: 'page_cap', value: 0 } }, /value must be/],
  [{ fault: { type: 'miscount', drop: -1 } }, /drop must be/],
  [{ fault: { type: 'job_answer' } }, /fields must be an object/],
  [{ fault: { type: 'job_answer', fields: {}, when: 1 } }, /when must be text/],
  [{ fault: { type: 'mutate', insert: { planes: [] } } }, /insert must be/],
  [{ fault: { type: 'mutate', insert: { cars: [{}] } } }, /insert must be/],
  [{ fault: { type: 'mutate', delete: { cars: [1] } } }, /delete must be/],
  [{ fault: { type: 'mutate', random: { resource: 'planes' } } }, /random must be/],
  [{ fault: { type: 'mutate', random: {} } }, /random must be/],
  [{ fault: TEAPOT, times: 0 }, /times must be/],
  [{ fault: TEAPOT, probability: 1.5 }, /probability must be a number from 0 to 1/],
  [{ fault: TEAPOT, seed: 0.5 }, /seed must be/],
  [{ fault: { type: 'status', status: 429, retry_after: 1, retry_after_form: 'x' } }, /retry_after_form must be one of "seconds", "date"/],
  [{ fault: TEAPOT, skip: -1 }, /skip must be/],
  [{ fault: TEAPOT, when: 1 }, /a rule has no "when"/],
  [{ fault: TEAPOT, match: { url: 'x' } }, /match has no "url"/],
  [{ fault: TEAPOT, match: { path: '(' } }, /path must be a regular expression/],
  [{ fault: TEAPOT, match: { query: { q: '(' } } }, /query must be/],
  [5, /a rule must be an object/],
];

for (const [rule, message] of WRONG_RULES) {
  test(`400: ${JSON.stringify(rule)}`, async () => {
    const reply = await crm.request('POST', `${crm.endpoint}/_sandbox/faults`, { body: [{ fault: TEAPOT }, rule] });
    assertRefused(reply, 400, message);
    assert.deepEqual(await crm.control('GET', '/faults'), [], 'all rules or none');
  });
}
