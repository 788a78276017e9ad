/*
 * Collations: how texts are compared, by operators (operators.js) and sorts (sort.js). Regular expressions
 * know none.
 */

import { isObject } from './paths.js';

/** By name, what a value becomes before it is compared; null: nothing else. */
export const COLLATIONS = { none: null, ignore_case: foldCase };

function foldCase(value) {
  if (typeof value === 'string') return value.toLowerCase();
  if (Array.isArray(value)) return value.map(foldCase);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, foldCase(child)]));
}
