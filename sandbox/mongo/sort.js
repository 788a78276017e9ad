/*
 * Sort orders: the key of a document under a sort, and the order of two keys.
 * Used by the collections of the CRM.
 *
 * A sort is a list of [path, direction] pairs, direction 1 or -1. Where a path runs through an
 * array, a document has a key for each element, and the one that comes first counts.
 */

import { COLLATIONS } from './collation.js';
import { QueryError } from './errors.js';
import { compareValues } from './order.js';
import { field, isObject } from './paths.js';

/** Sorts before null, as MongoDB sorts an empty array. */
const EMPTY_ARRAY = Symbol('empty array');

/** {keyOf(document), compare(keyA, keyB)} for a sort, under a collation. */
export function compileSort(sort, collation = 'none') {
  const paths = sort.map(([path]) => path.split('.'));
  const directions = sort.map(([, direction]) => direction);
  const compare = (a, b) => compareKeys(a, b, directions);
  return { keyOf: (document) => leastKey(document, paths, compare, COLLATIONS[collation]), compare };
}

function compareKeys(a, b, directions) {
  for (let i = 0; i < directions.length; i++) {
    const order = compareParts(a[i], b[i]);
    if (order !== 0) return order * directions[i];
  }
  return 0;
}

function compareParts(a, b) {
  if (a === EMPTY_ARRAY || b === EMPTY_ARRAY) return Number(b === EMPTY_ARRAY) - Number(a === EMPTY_ARRAY);
  return compareValues(a, b);
}

function leastKey(document, paths, compare, fold) {
  const found = allKeys(paths.map((parts) => walk(document, parts, 0)));
  const keys = fold ? found.map((key) => key.map(fold)) : found;
  return keys.reduce((least, key) => (compare(key, least) < 0 ? key : least));
}

/**
 * Follows the path to its value, or to the first array on it.
 * Gives {value} or {array, parts, at}, where parts from at on are still to be followed.
 */
function walk(start, parts, from) {
  let value = start;
  for (let at = from; at < parts.length; at++) {
    if (Array.isArray(value)) {
      if (!/^\d+$/.test(parts[at])) return { array: value, parts, at };
      value = value[Number(parts[at])];
    } else {
      value = isObject(value) ? field(value, parts[at]) : undefined;
    }
  }
  return Array.isArray(value) ? { array: value, parts, at: parts.length } : { value };
}

/** Every combination of keys that the arrays give. Two keys may only share one array. */
function allKeys(slots) {
  const open = slots.find((slot) => slot.array);
  if (!open) return [slots.map((slot) => slot.value)];
  if (slots.some((slot) => slot.array && slot.array !== open.array)) {
    throw new QueryError('cannot sort with keys that are parallel arrays');
  }
  if (open.array.length === 0) return [slots.map(emptySlot)];
  return open.array.flatMap((element) => allKeys(slots.map((slot) => enter(slot, element))));
}

function emptySlot(slot) {
  if (!slot.array) return slot.value;
  return slot.at === slot.parts.length ? EMPTY_ARRAY : undefined;
}

/** An element at the end of a path is a value, even when it is an array itself. */
function enter(slot, element) {
  if (!slot.array) return slot;
  if (slot.at === slot.parts.length) return { value: element };
  return isObject(element) ? walk(element, slot.parts, slot.at) : { value: undefined };
}
