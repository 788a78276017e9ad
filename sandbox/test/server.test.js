/* The process: how it starts, what it says, how it ends. It has the generated data, a few of each. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { USAGE } from '../options.js';
import { makeCertificate } from './support/certificate.js';

const SERVER = fileURLToPath(new URL('../server.js', import.meta.url));
const DEALER = '5f2b1c9e8d3a4b0012345678';
const started = [];

after(() => started.forEach((server) => server.kill('SIGKILL')));

function start(...args) {
  const server = spawn(process.execPath, [SERVER, ...args], { env: { ...process.env, TZ: 'America/New_York' } });
  started.push(server);
  return server;
}

/** What a process that ends by itself printed. */
async function run(...args) {
  const server = start(...args);
  const [stdout, stderr, [code]] = await Promise.all([text(server.stdout), text(server.stderr), once(server, 'close')]);
  return { stdout, stderr, code };
}

test('it prints one line of JSON when it is ready, serves, and ends when it is told to', async () => {
  const server = start('--scale', '3', '--count', 'sms=1', '--auth', 'header:X-Key:k', '--seed', '5');
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const { port, results_port, storage_endpoint, ...ready } = JSON.parse(line);
  assert.deepEqual(ready, {
    endpoint: `http://127.0.0.1:${port}`,
    results_endpoint: `http://127.0.0.1:${results_port}`,
    dealer_id: DEALER,
  });
  assert.match(storage_endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);

  const list = async (resource, query = '') => {
    const reply = await fetch(`${ready.endpoint}/dealers/${DEALER}/${resource}${query}`, { headers: { 'X-Key': 'k' } });
    assert.equal(reply.status, 200);
    return reply.json();
  };
  assert.equal((await list('sms')).length, 1);
  assert.ok((await list('cars')).length > 0);
  assert.equal((await fetch(`http://127.0.0.1:${results_port}/`)).status, 401);

  // New York is four hours behind on this day.
  const body = JSON.stringify([{ _id: '5f2b1c9e8d3a4b0012345679', purchase_date: '2024-05-06T00:00:00' }]);
  await fetch(`${ready.endpoint}/_sandbox/documents/cars`, { method: 'POST', body });
  const q = { _id: '5f2b1c9e8d3a4b0012345679', purchase_date: { $lt: '2024-05-06T00:00:00.001Z', $gte: '2024-05-06T00:00:00' } };
  assert.equal((await list('cars', `?q=${encodeURIComponent(JSON.stringify(q))}`)).length, 1);

  server.kill('SIGTERM');
  assert.deepEqual(await once(server, 'close'), [0, null]);
});

test('with a certificate and a host that nobody should ask', async () => {
  const { certFile, keyFile } = makeCertificate();
  const server = start('--scale', '1', '--tls-cert', certFile, '--tls-key', keyFile, '--extra-listener', 'evil=127.0.0.2', '--extra-listener', 'other');
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const { tls_endpoint, tls_results_endpoint, extra_listeners } = JSON.parse(line);
  assert.match(tls_endpoint, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.match(tls_results_endpoint, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual(Object.keys(extra_listeners), ['evil', 'other']);
  assert.match(extra_listeners.evil, /^http:\/\/127\.0\.0\.2:\d+$/);
  assert.equal((await fetch(`${extra_listeners.evil}/dealers/${DEALER}/cars`)).status, 200);
  server.kill('SIGTERM');
  assert.deepEqual(await once(server, 'close'), [0, null]);
});

test('--help', async () => {
  assert.deepEqual(await run('--help'), { stdout: `${USAGE}\n`, stderr: '', code: 0 });
});

test('what is wrong with the command line is said, with the usage', async () => {
  const { stdout, stderr, code } = await run('--scale', 'x');
  assert.deepEqual([stdout, code], ['', 2]);
  assert.equal(stderr, `--scale must be 1 to 1000000, not x\n\n${USAGE}\n`);
});
