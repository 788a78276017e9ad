/* Background jobs: GET /R/all, asking for the job, and the results on the other host. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 2500 } });

beforeEach(() => crm.reset());

const headers = { Authorization: AUTHORIZATION };
const start = async (query, resource = 'cars') => (await crm.ask('GET', `/${resource}/all`, { query }))[0];
const poll = async (job) => (await crm.request('GET', job.job_url, { headers })).json[0];
const download = (job) => crm.request('GET', job.results_url, { headers });

/** Asks until the job has ended. */
async function ended(job) {
  for (;;) {
    const state = await poll(job);
    if (!['queued', 'processing'].includes(state.status)) return state;
  }
}

const results = async (query, resource) => (await download(await ended(await start(query, resource)))).json;

/** Has the documents found, so that a job for them is processing no longer than it is told to. */
async function findAll(q) {
  await crm.list('cars', { q, skip: 2500 });
  await crm.control('DELETE', '/log');
}

test('queued, processing as often as job_polls says, finished', async () => {
  await findAll({ make: 'Seat' });
  const job = await start({ q: { make: 'Seat' } });
  const about = { _id: job._id, dealer_id: DEALER };
  const job_url = `${crm.endpoint}/dealers/${DEALER}/deferredrequests/${job._id}`;
  assert.deepEqual(job, { ...about, status: 'queued', job_url });
  assert.match(job._id, /^[0-9a-f]{24}$/);
  for (let n = 0; n < 2; n++) assert.deepEqual(await poll(job), { ...about, status: 'processing' });
  const results_url = `${crm.resultsEndpoint}/services/s3/dealers/${DEALER}/${job._id}`;
  const finished = { ...about, status: 'finished', found_documents: 500, results_url };
  assert.deepEqual(await poll(job), finished);
  assert.deepEqual(await poll(job), finished, 'and stays so');
  assert.notEqual(new URL(results_url).host, new URL(job_url).host);
});

test('job_polls 0: finished as soon as the documents are found', async () => {
  await crm.control('PUT', '/settings', { job_polls: 0 });
  assert.equal((await ended(await start({}))).found_documents, 2500);
});

test('the results are everything that a list would give, page by page', async () => {
  await crm.control('PUT', '/settings', { page_cap: 5000 });
  const queries = [{}, { q: { make: 'Seat' } }, { search: 'year > 2010' }, { sort: '-year _id' }, { project: 'make -_id' }, { q: { make: 'none' } }];
  for (const query of queries) assert.deepEqual(await results(query), await crm.list('cars', query), JSON.stringify(query));
});

test('the results are sent as JSON, without has-more', async () => {
  const reply = await download(await ended(await start({})));
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('Content-Type'), 'application/json; charset=utf-8');
  assert.equal(reply.hasMore, null);
  assert.equal(reply.json.length, 2500);
});

test('the results are the documents as they were when the job was started', async () => {
  const documents = await crm.list('sms');
  const job = await start({}, 'sms');
  const [first, second] = documents;
  await crm.ask('DELETE', `/sms/${first._id}`);
  await crm.ask('PATCH', `/sms/${second._id}`, { body: [{ op: 'add', path: '/custom', value: 'changed' }] });
  await crm.ask('POST', '/sms', { body: { _id: 'new' } });
  assert.deepEqual((await download(await ended(job))).json, documents);
  assert.deepEqual((await results({}, 'sms')).map(({ _id }) => _id), [second._id, documents[2]._id, 'new']);
});

test('a long download is not disturbed by writes', async () => {
  const job = await ended(await start({ sort: '_id' }));
  await crm.fault({ type: 'slow', bytes: 65_536, ms: 5 }, { match: { kind: 'results' } });
  const reply = download(job);
  await crm.control('DELETE', '/documents/cars');
  assert.equal((await reply).json.length, 2500);
});

test('what is wrong is said at the start', async () => {
  for (const query of [{ q: '{' }, { q: { year: 'x' } }, { sort: '{}' }, { project: 'a -b' }, { q: { $where: '1' } }]) {
    assertRefused(await crm.call('GET', '/cars/all', { query }), 400);
  }
});

test('what is found out later makes the job fail', async () => {
  await crm.control('POST', '/documents/tasks', [{ _id: 'a', foreign_ids: ['a'], bulk_import_ids: ['b'] }]);
  const job = await start({ sort: 'foreign_ids bulk_import_ids' }, 'tasks');
  const state = await ended(job);
  assert.equal(state.status, 'failed');
  assert.match(state.error, /parallel arrays/);
});

test('job_outcome failed, vanished', async () => {
  await crm.control('PUT', '/settings', { job_outcome: 'failed' });
  const failed = await start({});
  const { status, error, ...others } = await ended(failed);
  assert.deepEqual([status, others], ['failed', { _id: failed._id, dealer_id: DEALER }]);
  assert.match(error, /told to let this job fail/);
  const resultsOf = ({ _id }) => download({ results_url: `${crm.resultsEndpoint}/services/s3/dealers/${DEALER}/${_id}` });
  assertRefused(await resultsOf(failed), 404);

  await crm.control('PUT', '/settings', { job_outcome: 'vanished' });
  const vanished = await start({});
  for (let n = 0; n < 2; n++) assert.equal((await poll(vanished)).status, 'processing');
  assertRefused(await crm.request('GET', vanished.job_url, { headers }), 404, /no deferred request/);
  assertRefused(await resultsOf(vanished), 404);
});

test('job_outcome queued, processing: for ever', async () => {
  for (const outcome of ['queued', 'processing']) {
    await crm.control('PUT', '/settings', { job_outcome: outcome, job_polls: 1 });
    const job = await start({});
    for (let n = 0; n < 20; n++) assert.deepEqual(await poll(job), { _id: job._id, dealer_id: DEALER, status: outcome });
    assertRefused(await download({ results_url: `${crm.resultsEndpoint}/services/s3/dealers/${DEALER}/${job._id}` }), 404);
  }
});

test('a job vanishes at the poll that a test chooses, by the setting or by a fault', async () => {
  const statuses = async (job) => {
    const found = [];
    for (let n = 0; n < 4; n++) found.push((await crm.request('GET', job.job_url, { headers })).status);
    return found;
  };
  await crm.control('PUT', '/settings', { job_outcome: 'vanished', job_polls: 2 });
  assert.deepEqual(await statuses(await start({})), [200, 200, 404, 404]);
  await crm.reset();
  await crm.fault({ type: 'status', status: 404 }, { match: { kind: 'job' }, skip: 1 });
  assert.deepEqual(await statuses(await start({})), [200, 404, 404, 404]);
});

test('job_answer: other fields, none, and more', async () => {
  await crm.fault({ type: 'job_answer', fields: { job_url: 'http://127.0.0.1:1/x', status: 'pending' } }, { match: { kind: 'all' } });
  await crm.fault({ type: 'job_answer', when: 'finished', fields: { found_documents: 7, results_url: null, error: 'x' } });
  const job = await start({});
  const about = { _id: job._id, dealer_id: DEALER };
  assert.deepEqual(job, { ...about, status: 'pending', job_url: 'http://127.0.0.1:1/x' });
  const state = await ended({ job_url: `${crm.endpoint}/dealers/${DEALER}/deferredrequests/${job._id}` });
  assert.deepEqual(state, { ...about, status: 'finished', found_documents: 7, error: 'x' });
  assert.equal((await crm.list('cars', { limit: 1 })).length, 1, 'other requests are as before');
});

test('job_answer: without `when` at every answer, the last rule counts, also for a job that fails', async () => {
  await crm.control('PUT', '/settings', { job_outcome: 'failed', job_polls: 0 });
  await crm.fault({ type: 'job_answer', fields: { status: 'broken', _id: null } });
  await crm.fault({ type: 'job_answer', when: 'failed', fields: { status: 'cancelled' } });
  const job = await start({});
  assert.deepEqual([job.status, job._id], ['broken', undefined]);
  assert.equal((await ended(job)).status, 'cancelled');
});

test('miscount: fewer or more documents than the job has found', async () => {
  const whole = await results({ sort: '_id' });
  for (const [fault, expected] of [
    [{ drop: 3 }, whole.slice(0, -3)],
    [{ repeat: 2 }, [...whole, ...whole.slice(0, 2)]],
    [{ drop: 1, repeat: 1 }, [...whole.slice(0, -1), whole[0]]],
    [{ drop: 5000 }, []],
  ]) {
    await crm.reset();
    await crm.fault({ type: 'miscount', ...fault }, { match: { kind: 'results' } });
    const state = await ended(await start({ sort: '_id' }));
    assert.equal(state.found_documents, 2500);
    assert.deepEqual((await download(state)).json, expected);
    assert.equal((await crm.lastEntry()).documents, expected.length);
  }
});

test('results that break off, and results that are refused', async () => {
  const state = await ended(await start({}));
  const refusals = [401, 403, 404, 500].map((status) => ({ type: 'status', status }));
  for (const fault of [...refusals, { type: 'redirect', location: `${crm.endpoint}/x`, status: 307 }]) {
    await crm.control('DELETE', '/faults');
    await crm.fault(fault, { match: { kind: 'results' } });
    assert.equal((await download(state)).status, fault.status);
    assert.equal((await poll({ job_url: `${crm.endpoint}/dealers/${DEALER}/deferredrequests/${state._id}` })).status, 'finished');
  }
  for (const fault of [{ type: 'close', when: 'during', bytes: 100_000 }, { type: 'close', when: 'during' }, { type: 'reset', when: 'during', bytes: 0 }]) {
    await crm.control('DELETE', '/faults');
    await crm.fault(fault, { match: { listener: 'results' } });
    await assert.rejects(download(state));
  }
  await crm.control('DELETE', '/faults');
  await crm.fault({ type: 'truncate', at: 0.3 }, { match: { kind: 'results' } });
  assert.equal((await download(state)).json, undefined);
});

test('results_layout: with line breaks between the documents', async () => {
  const state = await ended(await start({}));
  const { text } = await download(state);
  await crm.control('PUT', '/settings', { results_layout: 'lines' });
  const lines = (await download(state)).text.split('\n');
  assert.equal(lines.slice(0, -1).join(''), text);
  assert.deepEqual([lines.length, lines[0], lines.at(-2), lines.at(-1)], [2503, '[', ']', '']);
  assert.equal((await crm.list('cars', { limit: 2 })).length, 2);
  assert.deepEqual(await results({ q: { make: 'none' } }), []);
});

test('asking for jobs and results needs credentials, and the right dealer', async () => {
  const job = await start({});
  const { results_url } = await ended(job);
  for (const url of [job.job_url, results_url]) {
    assertRefused(await crm.request('GET', url), 401, /^No login/);
    assertRefused(await crm.request('GET', url, { headers: { Authorization: 'Bearer x' } }), 401, /^Wrong login/);
    assertRefused(await crm.request('GET', url.replace(`/${DEALER}/`, '/another/'), { headers }), 403);
    assertRefused(await crm.request('GET', `${url}0`, { headers }), 404);
  }
});

test('a reset forgets the jobs', async () => {
  const job = await ended(await start({}));
  await crm.reset();
  assertRefused(await download(job), 404);
});

test('the log knows which resource a job was about', async () => {
  await findAll({ make: 'Seat' });
  await download(await ended(await start({ q: { make: 'Seat' } })));
  const kinds = (await crm.log()).map(({ kind, listener, resource, documents }) => [kind, listener, resource, documents]);
  assert.deepEqual(kinds, [
    ['all', 'api', 'cars', null],
    ...Array(3).fill(['job', 'api', 'cars', null]),
    ['results', 'results', 'cars', 500],
  ]);
});
