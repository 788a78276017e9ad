/*
 * A certificate for 127.0.0.1 and localhost that is nobody's, and a client that trusts it.
 * Used by the tests of the listeners over TLS.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after } from 'node:test';

import { AUTHORIZATION, DEALER } from './crm.js';

const OPENSSL = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(' ');
const NAMES = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];

/** {certFile, keyFile, cert, key}; the files are there until the test file ends. */
export function makeCertificate() {
  const directory = mkdtempSync(join(tmpdir(), 'walcu-sandbox-'));
  after(() => rmSync(directory, { recursive: true }));
  const [certFile, keyFile] = ['cert.pem', 'key.pem'].map((name) => join(directory, name));
  execFileSync('openssl', [...OPENSSL, ...NAMES, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** Asks over HTTP/1.1; gives {status, headers, body}. */
export function askOverTls(url, { ca, headers = { authorization: AUTHORIZATION } }) {
  return new Promise((resolve, reject) => {
    const ask = request(url, { ca, headers, agent: false, minVersion: 'TLSv1.2' });
    ask.on('error', reject);
    ask.on('response', (reply) => {
      buffer(reply).then((body) => resolve({ status: reply.statusCode, headers: reply.headers, body }), reject);
    });
    ask.end();
  });
}

/** One connection of HTTP/2, closed when the test file ends at the latest. */
export class Http2Client {
  constructor(url, ca) {
    this.session = connect(url, { ca, servername: 'localhost' });
    this.session.on('error', () => {});
    after(() => this.session.destroy());
  }

  /** Asks for a path below the dealer, or any path with `path`. Gives {status, headers, body, code}, code is why the stream ended. */
  ask(below, { path = `/dealers/${DEALER}${below}`, method = 'GET', body, headers } = {}) {
    const stream = this.start(path, { method, body, headers });
    return this.reply(stream);
  }

  start(path, { method = 'GET', body, headers = { authorization: AUTHORIZATION } } = {}) {
    const stream = this.session.request({ ':path': path, ':method': method, ...headers }, { endStream: body === undefined });
    stream.on('error', () => {});
    if (body !== undefined) stream.end(body);
    return stream;
  }

  reply(stream) {
    const parts = [];
    let head = {};
    stream.on('response', (headers) => (head = headers));
    stream.on('data', (part) => parts.push(part));
    return new Promise((resolve) => {
      stream.on('close', () => resolve({ status: head[':status'], headers: head, body: Buffer.concat(parts), code: stream.rstCode }));
    });
  }
}
