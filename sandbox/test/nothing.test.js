/*
 * The settings no_document and byte_order_mark: what is answered where there is nothing, and what stands before it.
 */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { AUTHORIZATION, DEALER, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { counts: { contacts: 3 } } });
const NOBODY = 'f'.repeat(24);

beforeEach(() => crm.reset());

const set = (settings) => crm.control('PUT', '/settings', settings);

/** What is answered to a GET, and to a change. */
const ANSWERS = {
  null: [200, 'null', 200],
  null_in_list: [200, '[null]', 200],
  empty_list: [200, '[]', 404],
  empty_body: [200, '', 404],
  no_content: [204, '', 404],
};

for (const [no_document, [status, text, statusOfChange]] of Object.entries(ANSWERS)) {
  test(`no_document: ${no_document}`, async () => {
    await set({ no_document });
    const reply = await crm.call('GET', `/contacts/${NOBODY}`);
    assert.equal(reply.status, status);
    assert.equal(reply.text, text);
    for (const method of ['DELETE', 'PUT', 'PATCH'])
      assert.equal((await crm.call(method, `/contacts/${NOBODY}`, { body: method === 'PATCH' ? [] : {} })).status, statusOfChange, method);
    assert.equal((await crm.call('GET', '/nothing')).status, 404);
  });
}

test('byte_order_mark: stands before each body', async () => {
  await set({ byte_order_mark: 'sent' });
  for (const path of ['/contacts', '/nothing', '/contacts/all']) {
    const reply = await fetch(`${crm.endpoint}/dealers/${DEALER}${path}`, { headers: { Authorization: AUTHORIZATION } });
    const body = Buffer.from(await reply.arrayBuffer());
    assert.equal(body.subarray(0, 3).toString('hex'), 'efbbbf', path);
    assert.equal(Number(reply.headers.get('Content-Length')), body.length, path);
    assert.doesNotThrow(() => JSON.parse(body.subarray(3)), path);
  }
});
