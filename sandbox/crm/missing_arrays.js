/*
 * Arrays that a document lacks, as Mongoose shows them: its own documents have every array that the schema
 * declares, empty where nothing is stored, so that a reply made of them has it, too. What is stored stays as it
 * is, and filters and sorts see that. Used by the operations that answer documents.
 */

import { isObject } from '../mongo/paths.js';
import { isFreeForm } from './description.js';

/**
 * What is shown of them: nothing; empty ones in objects and elements that are there, as with schemas within
 * schemas; or with the objects that they are in, as with nested paths of one schema.
 */
export const MISSING_ARRAYS = ['absent', 'empty', 'nested'];

/** A function that makes the document as it is shown, by a resource's schema. */
export function makeFilling(schema, way) {
  return way === 'absent' ? (document) => document : (document) => filled(document, schema, way);
}

function filled(value, schema, way) {
  if (schema.type === 'array') return Array.isArray(value) ? value.map((element) => filled(element, schema.items, way)) : value;
  if (!schema.properties || !isObject(value)) return value;
  const result = { ...value };
  for (const [name, field] of fieldsOf(schema)) {
    const shown = filled(Object.hasOwn(value, name) ? value[name] : missing(field, way), field, way);
    if (shown !== undefined) result[name] = shown;
  }
  return result;
}

/** What is shown of a field that the document lacks; one that is null is there. */
function missing(field, way) {
  if (field.type === 'array') return [];
  return way === 'nested' && hasArray(field) ? {} : undefined;
}

const hasArray = (field) => field.type === 'array' || fieldsOf(field).some(([, member]) => hasArray(member));

/** The fields of which the schema declares anything. */
const fieldsOf = ({ properties = {} }) =>
  Object.entries(properties).filter(([name, { type }]) => type === 'array' || !isFreeForm(name));
