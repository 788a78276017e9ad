/*
 * A sandbox with the small data set, asked over HTTP as a client would ask it.
 * Used by the tests of the server.
 */

import assert from 'node:assert/strict';
import { after } from 'node:test';

import { startListeners } from '../../listeners.js';
import { Sandbox } from '../../sandbox.js';
import { createDataset } from './dataset.js';

export const DEALER = 'dealer';
export const AUTHORIZATION = `Basic ${Buffer.from('sandbox-app:sandbox-secret').toString('base64')}`;
const DATA = { seed: 1, scale: 120, counts: {} };

/**
 * Starts a sandbox that ends with the test file. `data` and `settings` are what differs from the
 * defaults, `listeners` what listeners.js is told. Ids are strings, so that tests can name documents as they like.
 */
export async function startCrm({ data, settings = {}, dataset = createDataset, listeners: wanted } = {}) {
  const sandbox = new Sandbox({ dealerId: DEALER, data: { ...DATA, ...data }, settings: { ids: 'string', ...settings }, createDataset: dataset });
  const listeners = await startListeners(sandbox, wanted);
  after(() => {
    for (const { server } of listeners.values()) server.close();
    sandbox.connections.cutAll();
  });
  return new Crm(sandbox, listeners);
}

class Crm {
  constructor(sandbox, listeners) {
    Object.assign(this, { sandbox, listeners });
    this.urls = Object.fromEntries([...listeners].map(([name, { url }]) => [name, url]));
    this.endpoint = this.urls.api;
    this.resultsEndpoint = this.urls.results;
  }

  /** A call of the API, with credentials; path as in `/cars`. */
  call(method, path, { headers, ...options } = {}) {
    return this.request(method, `${this.endpoint}/dealers/${DEALER}${path}`, {
      headers: { Authorization: AUTHORIZATION, ...headers },
      ...options,
    });
  }

  /** Any request. What is an object in `query` or `body` is sent as JSON. Gives the reply, its `text` and its `json`. */
  async request(method, url, { headers, query = {}, body, signal } = {}) {
    const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, asText(value)]));
    const target = Object.keys(query).length > 0 ? `${url}?${parameters}` : url;
    const reply = await fetch(target, { method, headers, body: body === undefined ? body : asText(body), signal, redirect: 'manual' });
    const text = await reply.text();
    return {
      status: reply.status,
      headers: reply.headers,
      hasMore: reply.headers.get('MAPP-has-more'),
      text,
      json: /json/.test(reply.headers.get('Content-Type')) ? jsonOrNothing(text) : undefined,
    };
  }

  /** What a call answers that has to succeed. */
  async ask(method, path, options) {
    const reply = await this.call(method, path, options);
    assert.equal(reply.status, 200, reply.text.slice(0, 300));
    return reply.json;
  }

  list(resource, query) {
    return this.ask('GET', `/${resource}`, { query });
  }

  /** The control surface; path as in `/log`. */
  async control(method, path, body) {
    const reply = await this.request(method, `${this.endpoint}/_sandbox${path}`, { body });
    assert.equal(reply.status, 200, reply.text.slice(0, 300));
    return reply.json;
  }

  log() {
    return this.control('GET', '/log');
  }

  async lastEntry() {
    return (await this.log()).at(-1);
  }

  /** Adds a fault that hits every request that `rule` does not exempt, and gives its id. */
  async fault(fault, rule = {}) {
    const { ids } = await this.control('POST', '/faults', { fault, ...rule });
    return ids[0];
  }

  reset(data) {
    return this.control('POST', '/reset', data);
  }
}

/** An error has the status, and says why in the way of the service. */
export function assertRefused(reply, status, message = /./) {
  assert.equal(reply.status, status, reply.text.slice(0, 300));
  assert.deepEqual(Object.keys(reply.json), ['error']);
  assert.match(reply.json.error, message);
}

const asText = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function jsonOrNothing(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
