/* Compressed replies: when, in which coding, and what faults do to their bytes. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { beforeEach, test } from 'node:test';
import * as zlib from 'node:zlib';

import { CODINGS } from '../http/encoding.js';
import { AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm();

beforeEach(() => crm.reset());

const DECODERS = {
  identity: (body) => body,
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  deflate: zlib.inflateSync,
  zstd: zlib.zstdDecompressSync,
};

const compress = (...codings) => crm.control('PUT', '/settings', { compress: codings });

/** The reply as it comes: {status, headers, body, failure}; the body as far as it came. */
async function ask(accepted, path = '/cars') {
  const headers = { Authorization: AUTHORIZATION, ...(accepted !== undefined && { 'Accept-Encoding': accepted }) };
  const [reply] = await once(get(`${crm.endpoint}/dealers/${DEALER}${path}`, { headers, agent: false }), 'response');
  const parts = [];
  reply.on('data', (part) => parts.push(part));
  const failure = await buffer(reply).then(() => null, (error) => error.code);
  return { status: reply.statusCode, headers: reply.headers, body: Buffer.concat(parts), failure };
}

/** What the reply was before it was compressed, and in which coding it came. */
function decoded({ headers, body }) {
  const coding = headers['content-encoding'] ?? 'identity';
  return { coding, text: DECODERS[coding](body).toString() };
}

test('zstd is there where Node.js has it', () => {
  assert.deepEqual(CODINGS, ['gzip', 'br', 'deflate', ...(zlib.createZstdCompress ? ['zstd'] : [])]);
});

test('no reply is compressed unless the setting says so', async () => {
  const { headers } = await ask('gzip, br, deflate');
  assert.deepEqual([headers['content-encoding'], headers.vary], [undefined, undefined]);
  assert.equal((await crm.lastEntry()).encoding, 'identity');
});

for (const coding of CODINGS) {
  test(`${coding}: whole, streamed, and an error`, async () => {
    const paths = ['/cars', '/cars?limit=5&project=make', '/cars/nope'];
    const expected = [];
    for (const path of paths) expected.push((await ask(undefined, path)).body.toString());
    await compress(coding);
    for (const [index, path] of paths.entries()) {
      const reply = await ask(coding, path);
      assert.deepEqual(decoded(reply), { coding, text: expected[index] });
      assert.equal(reply.headers['content-length'], String(reply.body.length));
      assert.equal(reply.headers.vary, 'Accept-Encoding');
      const { encoding, bytes, status } = await crm.lastEntry();
      assert.deepEqual([encoding, bytes, status], [coding, reply.body.length, reply.status]);
    }
    await crm.reset({ scale: 2500 });
    await crm.control('PUT', '/settings', { page_cap: 3000 });
    const { body: plain } = await ask(undefined);
    await compress(coding);
    const reply = await ask(coding);
    assert.equal(reply.headers['transfer-encoding'], 'chunked');
    assert.deepEqual(decoded(reply), { coding, text: plain.toString() });
    assert.ok(reply.body.length < plain.length / 3);
    assert.equal((await crm.lastEntry()).bytes, reply.body.length);
    await crm.reset();
  });
}

/** What is offered, what is accepted, and the coding that is chosen. */
const CHOICES = [
  [['gzip', 'br'], 'gzip, br', 'gzip'],
  [['br', 'gzip'], 'gzip, br', 'br'],
  [['br', 'gzip'], 'gzip, br;q=0.5', 'gzip'],
  [['gzip'], 'br', 'identity'],
  [['gzip'], 'gzip;q=0', 'identity'],
  [['gzip'], 'identity, gzip;q=0.5', 'identity'],
  [['deflate', 'gzip'], '*', 'deflate'],
  [['gzip'], '', 'identity'],
  [['gzip'], undefined, 'identity'],
];

for (const [offered, accepted, coding] of CHOICES) {
  test(`${offered} is offered, ${accepted} is accepted: ${coding}`, async () => {
    await compress(...offered);
    assert.equal(decoded(await ask(accepted)).coding, coding);
    assert.equal((await crm.lastEntry()).encoding, coding);
  });
}

test('what has no body, and a canned reply, stay as they are', async () => {
  await compress('gzip');
  await crm.fault({ type: 'redirect', location: '/' }, { times: 1 });
  assert.equal((await ask('gzip')).headers['content-encoding'], undefined);
  await crm.fault({ type: 'reply', body: '[]', headers: { 'Content-Encoding': 'gzip' } });
  const { headers, body } = await ask('gzip');
  assert.deepEqual([headers['content-encoding'], body.toString(), headers.vary], ['gzip', '[]', undefined]);
  assert.equal((await crm.lastEntry()).encoding, 'identity');
});

test('faults of the content come before the compression', async () => {
  await compress('gzip');
  await crm.fault({ type: 'invalid_json', text: '[{' });
  await crm.fault({ type: 'content_type', value: 'text/plain' });
  const reply = await ask('gzip');
  assert.deepEqual(decoded(reply), { coding: 'gzip', text: '[{' });
  assert.equal(reply.headers['content-type'], 'text/plain');
});

test('truncate, slow, close: the compressed bytes', async () => {
  await compress('gzip');
  const { body: whole } = await ask('gzip');
  const replyTo = async (fault) => {
    await crm.control('DELETE', '/faults');
    await crm.fault(fault);
    return ask('gzip');
  };
  const part = await replyTo({ type: 'truncate', at: 0.25 });
  assert.deepEqual([part.body, part.failure], [whole.subarray(0, Math.floor(whole.length / 4)), null]);
  assert.equal(part.headers['content-length'], String(part.body.length));
  assert.throws(() => decoded(part));
  assert.deepEqual((await replyTo({ type: 'slow', bytes: Math.ceil(whole.length / 3), ms: 5 })).body, whole);
  const half = await replyTo({ type: 'close', when: 'during' });
  assert.deepEqual([half.body, half.failure], [whole.subarray(0, Math.floor(whole.length / 2)), 'ECONNRESET']);
  assert.equal(half.headers['content-length'], String(whole.length));
});

test('a compressed stream breaks off', async () => {
  await crm.reset({ scale: 2500 });
  await crm.control('PUT', '/settings', { page_cap: 3000, compress: ['gzip'] });
  for (const fault of [{ type: 'close', when: 'during', bytes: 5000 }, { type: 'truncate', at: 0.1 }]) {
    await crm.control('DELETE', '/faults');
    await crm.fault(fault);
    const { headers, body, failure } = await ask('gzip');
    assert.equal(headers['content-encoding'], 'gzip');
    assert.equal(failure, fault.type === 'close' ? 'ECONNRESET' : null);
    assert.equal((await crm.lastEntry()).bytes, body.length);
  }
  await crm.reset();
});
