/* The order of values, sorts and projections, as MongoDB has them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compareStrings, compareValues } from '../mongo/order.js';
import { compileProjection } from '../mongo/projection.js';
import { compileSort } from '../mongo/sort.js';

test('types sort in the order of BSON', () => {
  const ordered = [
    null, -1e300, -1, 0, 0.5, 1, 1e300, '', 'A', 'a', 'é', '\ue000', '\uffff', '\u{10000}', '\u{1F600}',
    {}, { a: null }, { a: 1 }, { a: 1, b: 1 }, { b: 1 }, { a: 'x' },
    [], [1], [1, 1], [2], ['x'], false, true, new Date(0), new Date(1),
  ]; // prettier-ignore
  const shuffled = ordered.map((value, index) => [(index * 7919) % ordered.length, value]);
  shuffled.sort(([a], [b]) => a - b);
  assert.deepEqual(shuffled.map(([, value]) => value).sort(compareValues), ordered);
  assert.equal(compareValues(null, undefined), 0);
  assert.ok(compareValues(Number.NaN, -Infinity) < 0);
});

test('strings compare by UTF-8 bytes', () => {
  const texts = ['', 'a', 'ab', 'b', '\u0000', '\u0000a', '\u007f', '\u0080', 'é', 'e\u0301', '\ud7ff', '\ue000', '\ufffd'];
  texts.push('\uffff', '\u{10000}', '\u{1F600}', '\u{1F600}a', '\u{10FFFF}', 'z\u{1F600}', 'z\uffff');
  for (const a of texts) {
    for (const b of texts) {
      assert.equal(Math.sign(compareStrings(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)), JSON.stringify([a, b]));
    }
  }
});

function sorted(documents, sort) {
  const { keyOf, compare } = compileSort(sort);
  return documents
    .map((document) => [keyOf(document), document.n])
    .sort(([a], [b]) => compare(a, b))
    .map(([, n]) => n);
}

test('an array sorts by its least element ascending and its greatest descending', () => {
  const documents = [
    { n: 'five', a: 5 },
    { n: 'two and nine', a: [9, 2] },
    { n: 'empty', a: [] },
    { n: 'null', a: null },
    { n: 'missing' },
    { n: 'nested', a: [[1]] },
  ];
  assert.deepEqual(sorted(documents, [['a', 1]]), ['empty', 'null', 'missing', 'two and nine', 'five', 'nested']);
  assert.deepEqual(sorted(documents, [['a', -1]]), ['nested', 'two and nine', 'five', 'null', 'missing', 'empty']);
});

test('a path through an array sorts by the least of what its elements have', () => {
  const documents = [
    { n: 1, a: [{ b: 7 }, { b: 3 }] },
    { n: 2, a: [{ b: 5 }, {}] },
    { n: 3, a: { b: 1 } },
    { n: 4, a: [] },
    { n: 5, a: [4] },
  ];
  assert.deepEqual(sorted(documents, [['a.b', 1]]), [2, 4, 5, 3, 1]);
  assert.deepEqual(sorted(documents, [['a.b', -1]]), [1, 2, 3, 4, 5]);
  assert.deepEqual(sorted(documents, [['a.0.b', 1]]), [3, 4, 5, 2, 1]);
});

test('keys that share an array are taken from the same element', () => {
  const documents = [
    { n: 1, a: [{ b: 1, c: 9 }, { b: 2, c: 1 }] },
    { n: 2, a: [{ b: 1, c: 5 }] },
  ]; // prettier-ignore
  assert.deepEqual(sorted(documents, [['a.b', 1], ['a.c', 1]]), [2, 1]); // prettier-ignore
});

test('keys of different arrays are refused', () => {
  assert.throws(() => sorted([{ a: [1], b: [2] }], [['a', 1], ['b', 1]]), /parallel arrays/); // prettier-ignore
});

test('several keys, mixed directions', () => {
  const documents = [{ n: 1, a: 1, b: 'x' }, { n: 2, a: 1, b: 'y' }, { n: 3, a: 0 }]; // prettier-ignore
  assert.deepEqual(sorted(documents, [['a', -1], ['b', -1]]), [2, 1, 3]); // prettier-ignore
});

const DOCUMENT = { _id: 'x', a: 1, b: { c: 1, d: { e: 2 } }, f: [{ g: 1, h: 2 }, 5, [{ g: 3 }, 6], {}], i: null };

const PROJECTIONS = [
  [{ a: true }, { _id: 'x', a: 1 }],
  [{ a: true, _id: false }, { a: 1 }],
  [{ _id: true }, { _id: 'x' }],
  [{ nope: true }, { _id: 'x' }],
  [{ 'b.c': true }, { _id: 'x', b: { c: 1 } }],
  [{ 'b.d.e': true, 'b.c': true }, { _id: 'x', b: { c: 1, d: { e: 2 } } }],
  [{ 'b.nope': true }, { _id: 'x', b: {} }],
  [{ 'a.nope': true }, { _id: 'x' }],
  [{ i: true, 'i.j': true }, null],
  [{ 'i.j': true }, { _id: 'x' }],
  [{ 'f.g': true }, { _id: 'x', f: [{ g: 1 }, [{ g: 3 }], {}] }],
  [{ _id: false }, { ...DOCUMENT, _id: undefined }],
  [{ f: false, b: false }, { _id: 'x', a: 1, i: null }],
  [{ 'b.d': false, f: false, _id: false }, { a: 1, b: { c: 1 }, i: null }],
  [{ 'f.g': false }, { ...DOCUMENT, f: [{ h: 2 }, 5, [{}, 6], {}] }],
  [{ 'a.x': false, 'i.x': false }, DOCUMENT],
];

for (const [projection, expected] of PROJECTIONS) {
  test(`projection ${JSON.stringify(projection)}`, () => {
    if (!expected) return assert.throws(() => compileProjection(projection), /Path collision/);
    return assert.deepEqual(JSON.stringify(compileProjection(projection)(DOCUMENT)), JSON.stringify(expected));
  });
}

test('wrong projections are refused', () => {
  assert.throws(() => compileProjection({ 'a.b': true, a: true }), /Path collision at a/);
  assert.throws(() => compileProjection({ a: true, b: false }), /Cannot do exclusion on field b in inclusion projection/);
  assert.throws(() => compileProjection({ a: false, b: true }), /Cannot do inclusion on field b in exclusion projection/);
  assert.throws(() => compileProjection({ 'a..b': true }), /empty field name/);
});
