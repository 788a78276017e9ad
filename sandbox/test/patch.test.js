/*
 * PATCH: JSON Patch with the habits of the service, as the known facts list them, and to the letter
 * of RFC 6902 when the sandbox is told so.
 */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { assertRefused, startCrm } from './support/crm.js';

const crm = await startCrm({ data: { scale: 0 } });

const CAR = {
  _id: 'car',
  make: 'Seat',
  color: null,
  extras: ['a', 'b', 'c'],
  status: { status: 'open' },
  status_history: [{ status: 'new' }, { status: 'open' }],
  custom: { x: 1, 'a.b': 2, 'c/d': 3, 'e~f': 4, list: [1, [2]] },
};

beforeEach(async () => {
  await crm.reset();
  await crm.control('PUT', '/settings', { patch: 'mongoose' });
  await crm.control('POST', '/documents/cars', [CAR]);
});

const patch = (body) => crm.call('PATCH', '/cars/car', { body });

/** The patched car without the time of it, which is the same when it is read again. */
async function patched(operations) {
  const reply = await patch(operations);
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(await crm.ask('GET', '/cars/car'), [reply.json]);
  const { updated_at, ...car } = reply.json;
  return car;
}

const { custom } = CAR;
const history = CAR.status_history;
const add = (path, value) => ({ op: 'add', path, value });
const replace = (path, value) => ({ op: 'replace', path, value });
const remove = (path) => ({ op: 'remove', path });

/** What it shows, the operations, the fields that are different afterwards (undefined: gone). */
const LIKE_THE_SERVICE = [
  ['add sets a missing member', [add('/year', 2020)], { year: 2020 }],
  ['add sets an existing member', [add('/make', 'Audi')], { make: 'Audi' }],
  ['add sets null', [add('/make', null)], { make: null }],
  ['add sets a member that was null', [add('/color', 'red')], { color: 'red' }],
  ['add sets a nested member', [add('/status/user', 'u')], { status: { status: 'open', user: 'u' } }],
  ['add sets a whole object', [add('/status', { user: 'u' })], { status: { user: 'u' } }],
  ['add inserts at an array index', [add('/extras/1', 'x')], { extras: ['a', 'x', 'b', 'c'] }],
  ['add inserts at the start', [add('/extras/0', 'x')], { extras: ['x', 'a', 'b', 'c'] }],
  ['add inserts at the end', [add('/extras/3', 'x')], { extras: ['a', 'b', 'c', 'x'] }],
  ['add appends at -', [add('/extras/-', 'x'), add('/extras/-', 'y')], { extras: ['a', 'b', 'c', 'x', 'y'] }],
  ['add on the path of an array sets it', [add('/extras', ['x'])], { extras: ['x'] }],
  ['add sets a member in an array element', [add('/status_history/0/user', 'u')], { status_history: [{ status: 'new', user: 'u' }, history[1]] }],
  ['add inserts an object', [add('/status_history/0', { status: 'x' })], { status_history: [{ status: 'x' }, ...history] }],
  ['add makes missing parents', [add('/prices/retail/current_price/price', 5)], { prices: { retail: { current_price: { price: 5 } } } }],
  ['add makes missing parents in free form', [add('/custom/p/q/r', 5)], { custom: { ...custom, p: { q: { r: 5 } } } }],
  ['add in nested arrays', [add('/custom/list/1/0', 9)], { custom: { ...custom, list: [1, [9, 2]] } }],
  ['replace sets a member', [replace('/make', 'Audi')], { make: 'Audi' }],
  ['replace sets a missing member too', [replace('/year', 5)], { year: 5 }],
  ['replace sets an array element', [replace('/extras/1', 'x')], { extras: ['a', 'x', 'c'] }],
  ['remove removes a member', [remove('/make')], { make: undefined }],
  ['remove removes a null member', [remove('/color')], { color: undefined }],
  ['remove removes a nested member', [remove('/status/status')], { status: {} }],
  ['remove removes an element', [remove('/extras/1')], { extras: ['a', 'c'] }],
  ['remove removes elements one after the other', [remove('/extras/0'), remove('/extras/0')], { extras: ['c'] }],
  ['remove removes a member of an element', [remove('/status_history/1/status')], { status_history: [history[0], {}] }],
  ['remove removes a whole array', [remove('/extras')], { extras: undefined }],
  ['remove of a missing member does nothing', [remove('/year'), remove('/prices/retail/source')], {}],
  ['remove of a missing element does nothing', [remove('/extras/3'), remove('/extras/-1'), remove('/extras/-')], {}],
  ['remove of no element does nothing', [remove('/extras/'), remove('/extras/x'), remove('/extras/length')], {}],
  ['remove below a scalar does nothing', [remove('/make/0'), remove('/make/length'), remove('/color/x')], {}],
  ['remove of inherited names does nothing', [remove('/__proto__/toString'), remove('/constructor/prototype/toString')], {}],
  ['move takes a value to another member', [{ op: 'move', from: '/make', path: '/color' }], { make: undefined, color: 'Seat' }],
  ['move takes an element to another place', [{ op: 'move', from: '/extras/0', path: '/extras/2' }], { extras: ['b', 'c', 'a'] }],
  ['move of what is missing does nothing', [{ op: 'move', from: '/year', path: '/color' }], {}],
  ['copy', [{ op: 'copy', from: '/make', path: '/color' }], { color: 'Seat' }],
  ['copy of an element inserts', [{ op: 'copy', from: '/extras/0', path: '/extras/3' }], { extras: ['a', 'b', 'c', 'a'] }],
  ['copy of what is missing does nothing', [{ op: 'copy', from: '/toString', path: '/color' }], {}],
  ['test never fails', [{ op: 'test', path: '/make', value: 'Audi' }, { op: 'test', path: '/nope' }, add('/year', 1)], { year: 1 }],
  ['~0 and ~1 are not decoded', [add('/custom/e~0f', 5), add('/custom/c~1d', 6)], { custom: { ...custom, 'e~0f': 5, 'c~1d': 6 } }],
  ['a key with a tilde, as it is', [add('/custom/e~f', 5)], { custom: { ...custom, 'e~f': 5 } }],
  ['a dot is a slash', [add('/status.user', 'u')], { status: { status: 'open', user: 'u' } }],
  ['a key with a dot cannot be reached', [remove('/custom/a.b')], {}],
  ['nor one with a slash', [remove('/custom/c/d'), remove('/custom/c~1d')], {}],
  ['setting the parent reaches them', [add('/custom', { 'a.b': 5, 'c/d': 6 })], { custom: { 'a.b': 5, 'c/d': 6 } }],
  ['values are cast', [add('/make', 5), add('/year', '2020'), add('/extras/-', 7)], { make: '5', year: 2020, extras: ['a', 'b', 'c', '7'] }],
  ['dates are cast', [add('/purchase_date', '2024-05-06')], { purchase_date: '2024-05-06T00:00:00.000Z' }],
  ['what the schema does not know is dropped', [add('/nope', 1), add('/status/nope', 1), add('/prices/nope/x', 1)], {}],
  ['an empty patch', [], {}],
  ['the _id, as long as it is the same', [add('/_id', 'car')], {}],
  ['custom from an object to text', [add('/custom', 'text')], { custom: 'text' }],
]; // prettier-ignore

for (const [name, operations, changes] of LIKE_THE_SERVICE) {
  test(`like the service: ${name}`, async () => {
    // A field that is gone is missing, not undefined.
    assert.deepEqual(await patched(operations), JSON.parse(JSON.stringify({ ...CAR, ...changes })));
  });
}

/** Where the vendor's library and Mongoose do something else; 500 where they throw. */
const EMPTY = { substatus_history: [] };
const LIKE_THE_VENDOR = new Map([
  ['add inserts an object', { status_history: [{ status: 'x', ...EMPTY }, { status: 'new', ...EMPTY }, { status: 'open', ...EMPTY }] }],
  ['add makes missing parents', { prices: { retail: { previous_prices: [], current_price: { price: 5 } } } }],
  ['add makes missing parents in free form', 500],
  ['add in nested arrays', 500],
  ['remove of a missing element does nothing', { extras: ['b'] }],
  ['remove of no element does nothing', { extras: [] }],
  ['remove of inherited names does nothing', 500],
  ['move of what is missing does nothing', { color: undefined }],
  ['copy of what is missing does nothing', { color: 'function toString() { [native code] }' }],
  ['a key with a dot cannot be reached', 500],
  ['nor one with a slash', 500],
  ['what the schema does not know is dropped', { prices: {} }],
]);

/** Of the vendor's library alone: the operations, the custom before, and what is different afterwards. */
const OF_THE_VENDOR = [
  ['one level below a free form', [add('/custom/a', { b: 1 })], custom, { custom: { ...custom, a: { b: 1 } } }],
  ['one level below, to be removed', [remove('/custom/x')], { x: 1, y: 2 }, { custom: { y: 2 } }],
  ['a free form that is null is made', [add('/custom/a', 1)], null, { custom: { a: 1 } }],
  ['a free form that is missing is made', [add('/custom/a', 1)], undefined, { custom: { a: 1 } }],
  ['a free form that is an empty string is made', [add('/custom/a', 1)], '', { custom: { a: 1 } }],
  ['below a free form that is a string', [add('/custom/a', 1)], 'text', 500],
  ['remove below a free form that is a string', [remove('/custom/a')], 'text', 500],
  ['remove below a free form that is missing', [remove('/custom/a/b')], undefined, {}],
  ['two levels below a free form', [add('/custom/o/a', 1)], { o: {} }, 500],
  ['two levels below a free form, to be removed', [remove('/custom/o/a')], { o: { a: 1 } }, 500],
  ['two levels below a free form that is missing', [add('/custom/o/a', 1)], undefined, 500],
  ['a null in a parent that is missing leaves the parent', [add('/prices/retail/source', null), remove('/prices/retail/source')], custom, { prices: { retail: { previous_prices: [] } } }],
  ['a whole object has the arrays of the schema', [add('/prices', { retail: {} })], custom, { prices: { retail: { previous_prices: [] } } }],
  ['an object that is there gets none', [add('/status/user', 'u')], custom, { status: { status: 'open', user: 'u' } }],
]; // prettier-ignore

for (const version of [8, 7, 6, 5]) {
  const set = () => crm.control('PUT', '/settings', { patch: 'vendor', mongoose: version });
  for (const [name, operations, usual] of LIKE_THE_SERVICE) {
    test(`like the vendor's library, with Mongoose ${version}: ${name}`, async () => {
      await set();
      await assertPatched(operations, LIKE_THE_VENDOR.get(name) ?? usual, CAR);
    });
  }
  for (const [name, operations, before, changes] of OF_THE_VENDOR) {
    test(`the vendor's library alone, with Mongoose ${version}: ${name}`, async () => {
      await set();
      const car = JSON.parse(JSON.stringify({ ...CAR, custom: before }));
      await crm.control('POST', '/documents/cars', [car]);
      await assertPatched(operations, version === 5 && before === '' ? 500 : changes, car);
    });
  }
}

async function assertPatched(operations, changes, before) {
  if (changes !== 500) {
    assert.deepEqual(await patched(operations), JSON.parse(JSON.stringify({ ...before, ...changes })));
    return;
  }
  assertRefused(await patch(operations), 500);
  assert.deepEqual(await crm.ask('GET', '/cars/car'), [before]);
}

test('the vendor: a wrong value that was there before is no reason to refuse another change', async () => {
  await crm.control('PUT', '/settings', { patch: 'vendor' });
  await crm.control('POST', '/documents/cars', [{ ...CAR, year: 'MMXX', status: 'text' }]);
  assert.equal((await patched([add('/make', 'Audi')])).year, 'MMXX');
  assert.deepEqual((await patched([add('/status/user', 'u')])).status, { user: 'u' });
});

test('the vendor: fields outside the schema that are kept', async () => {
  await crm.control('PUT', '/settings', { patch: 'vendor', unknown_fields: 'kept' });
  const { nope, status } = await patched([add('/nope', { a: 1 }), add('/status/nope', 2)]);
  assert.deepEqual([nope, status], [{ a: 1 }, { status: 'open', nope: 2 }]);
});

/** Patches that are refused, whichever way they are applied. */
const REFUSED = [
  { op: 'add' },
  'add',
  [5],
  [null],
  [{}],
  [{ op: 'put', path: '/make', value: 1 }],
  [{ op: 'add', path: '/make' }],
  [{ op: 'replace', path: '/make' }],
  [{ op: 'add', path: 'make', value: 1 }],
  [{ op: 'add', path: '', value: {} }],
  [{ op: 'add', path: '/', value: 1 }],
  [{ op: 'add', path: 5, value: 1 }],
  [{ op: 'add', value: 1 }],
  [{ op: 'move', path: '/make' }],
  [{ op: 'move', path: '/make', from: 'color' }],
  [add('/year', 'x')],
  [add('/make', { a: 1 })],
  [add('/status_history/0/assigned_at', 'x')],
  [add('/extras/-', { a: 1 })],
  [add('/_id', 'other')],
  [remove('/_id')],
  [add('/make', 'Audi'), add('/year', 'x')],
];

for (const operations of REFUSED) {
  test(`422, and nothing is changed: ${JSON.stringify(operations)}`, async () => {
    for (const way of ['mongoose', 'rfc6902', 'vendor']) {
      await crm.control('PUT', '/settings', { patch: way });
      assertRefused(await patch(JSON.stringify(operations)), 422);
      assert.deepEqual(await crm.ask('GET', '/cars/car'), [CAR]);
    }
  });
}

/** What has no place in an array or below a scalar. */
for (const operation of [add('/make/x', 1), add('/extras/x', 'y'), add('/custom/x/y', 1), add('/custom/list/-/x', 1)]) {
  test(`422 like the service: ${JSON.stringify(operation)}`, async () => {
    assertRefused(await patch([operation]), 422);
    assert.deepEqual(await crm.ask('GET', '/cars/car'), [CAR]);
  });
}

test('patches leave the sandbox itself alone', async () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    await patch([add(`/custom/${name}/spoilt`, 1)]);
    await patch([add(`/${name}/spoilt`, 1), remove(`/${name}`)]);
    assert.equal({}.spoilt, undefined);
    assert.equal(typeof {}.toString, 'function');
  }
});

const BY_THE_STANDARD = [
  ['add, replace and remove', [add('/year', 2020), replace('/make', 'x'), remove('/color')], { year: 2020, make: 'x', color: undefined }],
  ['add inserts, and appends at -', [add('/extras/1', 'x'), add('/extras/-', 'y')], { extras: ['a', 'x', 'b', 'c', 'y'] }],
  ['escapes are decoded', [add('/custom/c~1d', 5), add('/custom/e~0f', 6)], { custom: { ...custom, 'c/d': 5, 'e~f': 6 } }],
  ['a dot is a dot', [add('/custom/a.b', 5)], { custom: { ...custom, 'a.b': 5 } }],
  ['test holds', [{ op: 'test', path: '/make', value: 'Seat' }, add('/year', 1)], { year: 1 }],
  ['move', [{ op: 'move', from: '/extras/0', path: '/extras/2' }], { extras: ['b', 'c', 'a'] }],
  ['copy', [{ op: 'copy', from: '/status', path: '/custom/s' }], { custom: { ...custom, s: CAR.status } }],
  ['values are cast', [add('/year', '2020')], { year: 2020 }],
]; // prettier-ignore

for (const [name, operations, changes] of BY_THE_STANDARD) {
  test(`by the standard: ${name}`, async () => {
    await crm.control('PUT', '/settings', { patch: 'rfc6902' });
    assert.deepEqual(await patched(operations), JSON.parse(JSON.stringify({ ...CAR, ...changes })));
  });
}

const AGAINST_THE_STANDARD = [
  [{ op: 'test', path: '/make', value: 'Audi' }],
  [add('/year', 1), { op: 'test', path: '/year', value: 2 }],
  [remove('/year')],
  [replace('/year', 1)],
  [add('/prices/retail/source', 'x')],
  [add('/extras/4', 'x')],
  [remove('/extras/3')],
  [{ op: 'move', from: '/year', path: '/color' }],
  [{ op: 'copy', from: '/year', path: '/color' }],
];

for (const operations of AGAINST_THE_STANDARD) {
  test(`422 by the standard: ${JSON.stringify(operations)}`, async () => {
    await crm.control('PUT', '/settings', { patch: 'rfc6902' });
    assertRefused(await patch(operations), 422);
    assert.deepEqual(await crm.ask('GET', '/cars/car'), [CAR]);
  });
}
