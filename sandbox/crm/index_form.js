/*
 * The index form of documents: what filters and sorts see. Its dates are Dates and, where the service
 * has ObjectIds, its ids are ObjectIds, as the service's database holds them. What is no date or no id
 * there stays as it is.
 */

import { isObjectIdText, ObjectId } from '../mongo/object_id.js';
import { isObject } from '../mongo/paths.js';

const ISO_DATE = /^([+-]\d{2})?\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** A function that makes the index form; parts without dates and ids are shared with the document. */
export function makeIndexForm(description, isObjectId) {
  const tree = typeTree(description, isObjectId) ?? {};
  return (document) => withTypes(document, tree);
}

/** The paths that lead to dates and ids, as nested objects that end in toDate or toId; undefined where none does. */
function typeTree(description, isObjectId) {
  if (description.type === 'array') return typeTree(description.items, isObjectId);
  if (description.format === 'date-time') return toDate;
  if (isObjectId(description)) return toId;
  const branches = Object.entries(description.properties ?? {})
    .map(([name, field]) => [name, typeTree(field, isObjectId)])
    .filter(([, branch]) => branch);
  return branches.length > 0 ? Object.fromEntries(branches) : undefined;
}

function withTypes(value, tree) {
  if (Array.isArray(value)) return value.map((element) => withTypes(element, tree));
  if (typeof tree === 'function') return tree(value);
  if (!isObject(value)) return value;
  const copy = { ...value };
  for (const name in tree) {
    if (Object.hasOwn(value, name)) copy[name] = withTypes(value[name], tree[name]);
  }
  return copy;
}

function toDate(value) {
  if (typeof value !== 'string' || !ISO_DATE.test(value)) return value;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? value : date;
}

const toId = (value) => (isObjectIdText(value) ? new ObjectId(value) : value);
