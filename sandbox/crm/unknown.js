/*
 * Fields that the schema does not have, which Mongoose leaves out of what it casts, and keeps where it is told
 * not to be strict. Used by writes and patches, with the setting `unknown_fields: kept`.
 */

import { isObject } from '../mongo/paths.js';

/** What was cast, with what casting left out of the value given. */
export function withUnknown(cast, given) {
  if (cast === undefined) return given;
  if (Array.isArray(cast) && Array.isArray(given)) return cast.map((element, index) => withUnknown(element, given[index]));
  if (!isObject(cast) || !isObject(given)) return cast;
  const members = Object.entries(given).map(([key, value]) => [key, Object.hasOwn(cast, key) ? withUnknown(cast[key], value) : value]);
  return { ...cast, ...Object.fromEntries(members) };
}
