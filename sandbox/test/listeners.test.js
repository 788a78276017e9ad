/* Which listener and which connection a request came on, and the listeners that nobody should ask. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeEach, test } from 'node:test';

import { getBytes, sendBytes } from './support/bytes.js';
import { askOverTls, Http2Client, makeCertificate } from './support/certificate.js';
import { AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const { cert: ca, key } = makeCertificate();
const crm = await startCrm({
  listeners: {
    tls: { cert: ca, key },
    extra: [
      { name: 'evil', host: '127.0.0.1', port: 0, isSecure: false },
      { name: 'elsewhere', host: '127.0.0.2', port: 0, isSecure: false },
      { name: 'evil_tls', host: '127.0.0.1', port: 0, isSecure: true },
    ],
  },
});
const CARS = `/dealers/${DEALER}/cars`;
const headers = { Authorization: AUTHORIZATION };

beforeEach(() => crm.reset());

const open = async (listener) => (await crm.control('GET', '/connections')).filter((connection) => connection.listener === listener);

/** The numbers of the connections that requests of a listener came on, in the order of the log. */
const connectionsOf = async (listener) =>
  (await crm.log()).filter((entry) => entry.listener === listener).map(({ connection }) => connection);

async function ask(url, agent) {
  const [reply] = await once(get(url, { agent, headers }), 'response');
  return text(reply);
}

test('each listener has its name and its own address', () => {
  assert.deepEqual(Object.keys(crm.urls), [
    ...['api', 'results', 'storage', 'api_tls', 'results_tls', 'storage_tls'],
    ...['evil', 'elsewhere', 'evil_tls'],
  ]);
  assert.equal(new Set(Object.values(crm.urls)).size, 9);
  assert.match(crm.urls.elsewhere, /^http:\/\/127\.0\.0\.2:\d+$/);
  assert.match(crm.urls.evil_tls, /^https:\/\/127\.0\.0\.1:\d+$/);
});

test('an extra listener answers as the service does, and asks nobody for credentials', async () => {
  for (const name of ['evil', 'elsewhere']) {
    const expected = (await crm.call('GET', '/cars')).text;
    const reply = await crm.request('GET', `${crm.urls[name]}${CARS}`);
    assert.deepEqual([reply.status, reply.text], [200, expected]);
    const { listener, credentials, host } = await crm.lastEntry();
    assert.deepEqual([listener, credentials, `http://${host}`], [name, false, crm.urls[name]]);
    await crm.request('GET', `${crm.urls[name]}${CARS}`, { headers: { Authorization: 'Bearer stolen' } });
    const last = await crm.lastEntry();
    assert.deepEqual([last.listener, last.status, last.credentials], [name, 200, true]);
    assert.doesNotMatch(JSON.stringify(last), /stolen/);
  }
  assert.equal((await crm.request('GET', `${crm.urls.evil}/_sandbox/log`)).status, 404);
});

test('an extra listener over TLS', async () => {
  const { status } = await askOverTls(`${crm.urls.evil_tls}${CARS}`, { ca, headers: {} });
  assert.equal(status, 200);
  assert.equal((await new Http2Client(crm.urls.evil_tls, ca).ask('/cars', { headers: {} })).status, 200);
  assert.deepEqual((await crm.log()).map(({ listener, http_version }) => [listener, http_version]), [['evil_tls', '1.1'], ['evil_tls', '2.0']]); // prettier-ignore
});

test('a job that was asked for at an extra listener stays there', async () => {
  const [{ job_url }] = (await crm.request('GET', `${crm.urls.evil}${CARS}/all`)).json;
  assert.ok(job_url.startsWith(`${crm.urls.evil}/`));
  let state = {};
  while (state.status !== 'finished') [state] = (await crm.request('GET', job_url)).json;
  assert.ok(state.results_url.startsWith(`${crm.urls.evil}/`));
  assert.equal((await crm.request('GET', state.results_url)).json.length, 120);
});

test('the name in the URL is told from the address', async () => {
  const { port } = new URL(crm.endpoint);
  await crm.request('GET', `http://localhost:${port}${CARS}`, { headers });
  const { listener, host } = await crm.lastEntry();
  assert.deepEqual([listener, host], ['api', `localhost:${port}`]);
});

test('requests on one connection have one number, those on another one another', async () => {
  const agent = new Agent({ keepAlive: true });
  for (let n = 0; n < 3; n++) await ask(`${crm.urls.evil}${CARS}`, agent);
  await sendBytes(crm.urls.evil, getBytes('/cars', { Connection: 'close' }));
  const [first, second, third, fourth] = await connectionsOf('evil');
  assert.ok(Number.isInteger(first));
  assert.deepEqual([second, third], [first, first]);
  assert.ok(fourth > first);
  agent.destroy();
});

test('the open connections, with the requests on each', async () => {
  const before = (await open('elsewhere')).map(({ connection }) => connection);
  const agent = new Agent({ keepAlive: true });
  for (let n = 0; n < 3; n++) await ask(`${crm.urls.elsewhere}${CARS}`, agent);
  const isNew = ({ connection }) => !before.includes(connection);
  const [{ opened_at, ...connection }, ...others] = (await open('elsewhere')).filter(isNew);
  assert.deepEqual(connection, { connection: (await connectionsOf('elsewhere'))[0], listener: 'elsewhere', requests: 3 });
  assert.ok(Math.abs(Date.now() - Date.parse(opened_at)) < 60_000);
  assert.deepEqual(others, []);
  agent.destroy();
  while ((await open('elsewhere')).some(isNew));
});

test('a connection under TLS is one, whatever is spoken on it', async () => {
  const client = new Http2Client(crm.urls.api_tls, ca);
  for (let n = 0; n < 2; n++) await client.ask('/cars');
  await askOverTls(`${crm.urls.api_tls}${CARS}`, { ca });
  const [first, second, third] = await connectionsOf('api_tls');
  assert.equal(second, first);
  assert.ok(third > first);
  while ((await open('api_tls')).length > 1);
  assert.deepEqual((await open('api_tls')).map(({ connection, requests }) => [connection, requests]), [[first, 2]]);
  client.session.destroy();
  while ((await open('api_tls')).length > 0);
});
