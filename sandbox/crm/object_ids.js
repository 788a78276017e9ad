/*
 * Documents as a service has them whose schemas declare ObjectIds: at the places of ids there is nothing else.
 * Used by the control surface, for tests that make up documents.
 */

import { createHash } from 'node:crypto';

import { isObject } from '../mongo/paths.js';
import { idPlaces } from './description.js';

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** The document with digits of an ObjectId for each text, and null for anything else, that is none. */
export function withObjectIds(resource, document) {
  const places = idPlaces[resource] ?? ['_id'];
  return places.reduce((changed, place) => changeAt(changed, place.split('.')), document);
}

function changeAt(value, path) {
  if (Array.isArray(value)) return value.map((element) => changeAt(element, path));
  if (path.length === 0) return toObjectId(value);
  const [name, ...rest] = path;
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  return { ...value, [name]: changeAt(value[name], rest) };
}

/** The same text has the same digits wherever it stands, so that references still lead to documents. */
function toObjectId(value) {
  if (typeof value !== 'string') return null;
  return OBJECT_ID.test(value) ? value : createHash('md5').update(value).digest('hex').slice(0, 24);
}
