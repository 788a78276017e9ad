/* `sort` and `project` in each of the three formats; the sandbox understands one at a time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

const DOCUMENTS = [
  { _id: 'a', make: 'Seat', year: 2001, status: { status: 'open', user: 'u' } },
  { _id: 'b', make: 'Seat', year: 2002 },
  { _id: 'c', make: 'Audi', year: 2001 },
];
await crm.control('POST', '/documents/cars', DOCUMENTS);

/** Format, parameters, what comes. */
const UNDERSTOOD = [
  ['mongoose', { sort: '-make _id' }, 'abc'],
  ['mongoose', { sort: '  year   -_id ' }, 'cab'],
  ['mongoose', { sort: '+year -_id' }, 'cab'],
  ['mongoose', { sort: '' }, 'abc'],
  ['comma', { sort: '-make,_id' }, 'abc'],
  ['comma', { sort: 'year,-_id' }, 'cab'],
  ['json', { sort: '{"make":-1,"_id":1}' }, 'abc'],
  ['json', { sort: { year: 1, _id: -1 } }, 'cab'],
  ['json', { sort: '{}' }, 'abc'],
  ['mongoose', { project: 'make status.user' }, { _id: 'a', make: 'Seat', status: { user: 'u' } }],
  ['mongoose', { project: '-make -status' }, { _id: 'a', year: 2001 }],
  ['mongoose', { project: 'make -_id' }, { make: 'Seat' }],
  ['mongoose', { project: '' }, DOCUMENTS[0]],
  ['comma', { project: 'make,status.user' }, { _id: 'a', make: 'Seat', status: { user: 'u' } }],
  ['comma', { project: '-make,-status' }, { _id: 'a', year: 2001 }],
  ['json', { project: { make: 1, 'status.user': true } }, { _id: 'a', make: 'Seat', status: { user: 'u' } }],
  ['json', { project: { make: 0, status: false } }, { _id: 'a', year: 2001 }],
  ['json', { project: { make: 1, _id: 0 } }, { make: 'Seat' }],
  ['json', { project: {} }, DOCUMENTS[0]],
];

const inFormat = (format) => crm.control('PUT', '/settings', { sort_format: format, project_format: format });

for (const [format, query, expected] of UNDERSTOOD) {
  test(`${format}: ${JSON.stringify(query)}`, async () => {
    await inFormat(format);
    const documents = await crm.list('cars', query);
    if (typeof expected === 'string') assert.equal(documents.map(({ _id }) => _id).join(''), expected);
    else assert.deepEqual(documents[0], expected);
  });
}

const REFUSED = [
  ['mongoose', '-make,_id'],
  ['mongoose', '{"make":1}'],
  ['comma', '-make _id'],
  ['comma', '{"make":1}'],
  ['json', '-make'],
  ['json', 'make,_id'],
  ['json', '[]'],
  ['json', '5'],
];

for (const [format, text] of REFUSED) {
  test(`${format} refuses ${text}`, async () => {
    await inFormat(format);
    const message = new RegExp(`is not in the format "${format}"`);
    assertRefused(await crm.call('GET', '/cars', { query: { sort: text } }), 400, message);
    assertRefused(await crm.call('GET', '/cars', { query: { project: text } }), 400, message);
    assertRefused(await crm.call('GET', '/cars/all', { query: { project: text } }), 400, message);
  });
}

test('json refuses other values than a direction, or yes and no', async () => {
  await inFormat('json');
  for (const direction of [0, 2, 'asc', null, true]) {
    assertRefused(await crm.call('GET', '/cars', { query: { sort: { make: direction } } }), 400, /must be 1 or -1/);
  }
  for (const wanted of [2, 'yes', null, {}]) {
    assertRefused(await crm.call('GET', '/cars', { query: { project: { make: wanted } } }), 400, /must be 1 or 0/);
  }
});

test('the formats of sort and project are set apart from each other', async () => {
  await crm.control('PUT', '/settings', { sort_format: 'json', project_format: 'comma' });
  assert.deepEqual(await crm.list('cars', { sort: { _id: -1 }, project: 'make,year', limit: 1 }), [
    { _id: 'c', make: 'Audi', year: 2001 },
  ]);
});
