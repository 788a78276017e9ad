/*
 * The order of values in MongoDB: first by BSON type, then within the type.
 * Used by filters (operators.js), sorts (sort.js) and wherever ids are kept in order.
 *
 * Values are what JSON can hold, plus Date and ObjectId, plus undefined for what is missing.
 */

import { ObjectId } from './object_id.js';

const RANK_NULL = 2;

/** Rank of a value's type. Types of different rank are never compared by $gt, $lt and their like. */
export function typeRank(value) {
  switch (typeof value) {
    case 'number':
      return 3;
    case 'string':
      return 4;
    case 'boolean':
      return 9;
    case 'undefined':
      return RANK_NULL;
  }
  if (value === null) return RANK_NULL;
  if (Array.isArray(value)) return 6;
  if (value instanceof Date) return 10;
  if (value instanceof ObjectId) return 8;
  return 5;
}

/** Negative, zero or positive, as MongoDB would sort a and b. Null and missing are equal. */
export function compareValues(a, b) {
  const rank = typeRank(a);
  const difference = rank - typeRank(b);
  if (difference !== 0) return difference;
  switch (rank) {
    case RANK_NULL:
      return 0;
    case 4:
      return compareStrings(a, b);
    case 5:
      return compareObjects(a, b);
    case 6:
      return compareArrays(a, b);
    case 8:
      return compareStrings(a.hex, b.hex);
    default:
      return compareNumbers(Number(a), Number(b));
  }
}

/** NaN is the lowest number, and equal to itself. */
function compareNumbers(a, b) {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
}

/** By UTF-8 bytes, which is the order of code points. JavaScript's own < compares UTF-16 code units. */
export function compareStrings(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointOrder(x) - codePointOrder(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for the code points above U+FFFF, so they come after every other code unit. */
function codePointOrder(unit) {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Field by field in the order of the fields: the value's type, then the name, then the value. */
function compareObjects(a, b) {
  const keysA = Object.keys(a);
  const keysB = Object.keys(b);
  const length = Math.min(keysA.length, keysB.length);
  for (let i = 0; i < length; i++) {
    const [keyA, keyB] = [keysA[i], keysB[i]];
    const order =
      typeRank(a[keyA]) - typeRank(b[keyB]) || compareStrings(keyA, keyB) || compareValues(a[keyA], b[keyB]);
    if (order !== 0) return order;
  }
  return keysA.length - keysB.length;
}

function compareArrays(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
