/*
 * The service's description, api/openapi.json: the text that the service serves, and what it says
 * of each resource. Everything else that knows the resources learned them here.
 */

import { readFileSync } from 'node:fs';

import { inOtherWords } from './alternatives.js';
import { OUTSIDE_ID, outsideSchemas, PAYLOAD } from './outside.js';

const text = readFileSync(new URL('../../api/openapi.json', import.meta.url), 'utf8');

const description = JSON.parse(text);

/** The text that is served, by the setting `description`. */
export const descriptionTexts = { plain: text, alternatives: JSON.stringify(inOtherWords(description)) };

/** Schema of a document of each resource that is described, by the resource's name in URLs. */
export const resourceSchemas = new Map(
  Object.entries(description.paths)
    .filter(([path]) => /^\/[^/]+$/.test(path))
    .map(([path, operations]) => [path.slice(1), documentSchema(operations.get)]),
);

/** Of each resource that there is, with what the description does not tell. */
export const allSchemas = new Map([
  ...resourceSchemas,
  ['leadimporttasks', withField(resourceSchemas.get('leadimporttasks'), 'payload', PAYLOAD)],
  ...outsideSchemas,
]);

function withField(schema, name, field) {
  return { ...schema, properties: { ...schema.properties, [name]: field } };
}

function documentSchema(listOperation) {
  const { items } = listOperation.responses['200'].content['application/json'].schema;
  return description.components.schemas[items.$ref.split('/').at(-1)];
}

/** Where ids are, by resource: dotted paths without the indexes of arrays. */
export const idPlaces = JSON.parse(readFileSync(new URL('../../api/ids.json', import.meta.url), 'utf8'));

/** Of an array, the schema of its elements. */
const elementSchema = (schema) => (schema.type === 'array' ? elementSchema(schema.items) : schema);

const idSchemas = new Set([
  OUTSIDE_ID,
  ...Object.entries(idPlaces).flatMap(([resource, places]) => places.map((place) => schemaAt(resourceSchemas.get(resource), place))),
]);

/** The schema at a dotted path; of an array, that of its elements. */
function schemaAt(schema, path) {
  return path.split('.').reduce((outer, name) => elementSchema(outer.properties[name]), schema);
}

/** Whether what a schema within a resource's describes is an id. */
export const isIdSchema = (schema) => idSchemas.has(schema);

/** Whether a field is free form in life, although the description says 'string'. */
export function isFreeForm(name) {
  return /^(custom|.+_customs)$/.test(name);
}
