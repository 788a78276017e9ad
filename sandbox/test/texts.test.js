/* Kept texts of documents: found again as long as there is room. That lists use them: paging.test.js. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EVERYTHING, KeptTexts, textOf } from '../crm/texts.js';

const MAKE = { key: 'make', apply: ({ make }) => ({ make }) };

test('a document as text, under a projection', () => {
  const document = { _id: 'é', make: 'Seat', gone: undefined };
  assert.equal(textOf(document, EVERYTHING).toString(), '{"_id":"é","make":"Seat"}');
  assert.equal(textOf(document, MAKE).toString(), '{"make":"Seat"}');
});

test('texts are found by resource, projection and position', () => {
  const texts = new KeptTexts();
  texts.keep('cars', EVERYTHING, 0, Buffer.from('a'));
  texts.keep('cars', MAKE, 0, Buffer.from('b'));
  texts.keep('sms', EVERYTHING, 0, Buffer.from('c'));
  const found = [['cars', EVERYTHING, 0], ['cars', MAKE, 0], ['sms', EVERYTHING, 0], ['cars', EVERYTHING, 1], ['sms', MAKE, 0]]; // prettier-ignore
  assert.deepEqual(found.map((place) => texts.get(...place)?.toString()), ['a', 'b', 'c', undefined, undefined]);
});

test('when the room is used up, keeping begins anew', () => {
  const texts = new KeptTexts(10_000);
  const text = Buffer.alloc(2000);
  for (let position = 0; position < 4; position++) texts.keep('cars', EVERYTHING, position, text);
  assert.ok(texts.get('cars', EVERYTHING, 0));
  texts.keep('cars', EVERYTHING, 4, text);
  assert.deepEqual([0, 3, 4].map((position) => texts.get('cars', EVERYTHING, position)), [undefined, undefined, text]);
});
