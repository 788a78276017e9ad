/*
 * The values that a dotted path stands for in a document, as MongoDB's matcher sees them.
 * Used by the query operators and by sorts.
 *
 * A path runs through arrays of objects by itself ("contacts.emails" means the emails of every
 * contact), and a number in it is an array index as well as a field name.
 */

import { ObjectId } from './object_id.js';

/** A value that has fields: not an array, not null, not a Date, not an ObjectId. */
export const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date) && !(value instanceof ObjectId);

/**
 * Calls visit(value) for the values at the path, given in parts, until it returns true, and says
 * whether it did. undefined is visited where the path ends early. An array at the end of the path
 * is visited element by element and then as a whole; with wholeArrays as a whole only.
 */
export function someValue(document, parts, wholeArrays, visit) {
  return inObject(document, parts, 0, wholeArrays, visit);
}

function inObject(object, parts, start, wholeArrays, visit) {
  const last = parts.length - 1;
  let at = start;
  let value = field(object, parts[at]);
  while (at < last && isObject(value)) value = field(value, parts[++at]);

  if (!Array.isArray(value)) return visit(at === last ? value : undefined);
  if (at < last) return inArray(value, parts, at + 1, wholeArrays, visit);
  return (!wholeArrays && value.some((element) => visit(element))) || visit(value);
}

function inArray(array, parts, at, wholeArrays, visit) {
  const isLast = at === parts.length - 1;
  return array.some((element, index) => {
    if (isObject(element) && inObject(element, parts, at, wholeArrays, visit)) return true;
    if (parts[at] !== String(index)) return false;
    if (isLast) return visit(element);
    if (isObject(element)) return inObject(element, parts, at + 1, wholeArrays, visit);
    return Array.isArray(element) && inArray(element, parts, at + 1, wholeArrays, visit);
  });
}

/** Own fields only, so that a path such as "constructor" finds nothing by accident. */
export function field(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
