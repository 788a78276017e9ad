/*
 * Documents as replies show them, where that is not as they are stored: replies may be made of Mongoose's own
 * documents. Filters and sorts see what is stored. Used by the operations that answer documents.
 */

import { isObject } from '../mongo/paths.js';
import { makeFilling } from './missing_arrays.js';

/** Is anything shown otherwise than it is stored? */
export const isShownOtherwise = (settings) => wayOf(settings) !== 'absent shown hidden';

/** One text for all that have the same documents shown in the same way. */
export const wayOf = ({ missing_arrays, empty_objects, virtual_id }) => `${missing_arrays} ${empty_objects} ${virtual_id}`;

/** A document of a resource as it is shown. */
export function shown(description, { missing_arrays, empty_objects, virtual_id }, document) {
  const filled = makeFilling(description, missing_arrays)(document);
  const minimal = empty_objects === 'hidden' ? withoutEmptyObjects(filled) : filled;
  return virtual_id === 'shown' ? { ...minimal, id: minimal._id } : minimal;
}

/** Nor are those shown that have nothing but such ones in them; arrays stay as they are. */
function withoutEmptyObjects(document) {
  const result = {};
  for (const [name, value] of Object.entries(document)) {
    const kept = isObject(value) ? withoutEmptyObjects(value) : value;
    if (!isObject(kept) || Object.keys(kept).length > 0) result[name] = kept;
  }
  return result;
}
