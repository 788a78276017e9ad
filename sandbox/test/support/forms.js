/*
 * The forms of the description: examples made from a schema, and whether a value has the form of one.
 * Used by api.test.js.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { isFreeForm } from '../../crm/description.js';

export const api = JSON.parse(readFileSync(new URL('../../../api/openapi.json', import.meta.url), 'utf8'));

const resolve = (schema) => (schema.$ref ? schema.$ref.slice(2).split('/').reduce((node, key) => node[key], api) : schema);

/** What an operation of the description answers when all is well: {schema, headers}. */
export function answerOf({ responses: { 200: answer } }) {
  return { schema: answer.content['application/json'].schema, headers: Object.keys(answer.headers ?? {}) };
}

const EXAMPLES = {
  string: ({ format }, name) => (format === 'date-time' ? '2024-05-06T07:08:09.010Z' : `${name}: ñ, "\\\n\u{1F697}`),
  number: () => -12.75,
  boolean: () => false,
  array: ({ items }, name) => [exampleOf(items, name), exampleOf(items, name)],
  object: ({ properties = {} }) =>
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, exampleOf(schema, name)])),
};

/** A value in which everything is present that the schema has. */
export function exampleOf(described, name = '') {
  const schema = resolve(described);
  if (isFreeForm(name) || !schema.type) return { free: ['form', 1, null] };
  return EXAMPLES[schema.type](schema, name);
}

const isPlainObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const FORMS = {
  string: ({ format }, value) => typeof value === 'string' && (format !== 'date-time' || !Number.isNaN(Date.parse(value))),
  number: (_schema, value) => typeof value === 'number',
  boolean: (_schema, value) => typeof value === 'boolean',
  array: (_schema, value) => Array.isArray(value),
  object: (_schema, value) => isPlainObject(value),
};

/** Every value has the type that the schema gives it, and nothing is there that it does not know. */
export function assertForm(value, described, path = '') {
  const schema = resolve(described);
  if (!schema.type || value === null || isFreeForm(path.split('.').at(-1))) return;
  assert.ok(FORMS[schema.type](schema, value), `${path || 'the answer'} is a ${schema.type}: ${JSON.stringify(value)}`);
  if (schema.type === 'array') value.forEach((element) => assertForm(element, schema.items, path));
  if (schema.type !== 'object' || !schema.properties) return;
  for (const [name, member] of Object.entries(value)) {
    assert.ok(schema.properties[name], `${path}.${name} is described`);
    assertForm(member, schema.properties[name], `${path}.${name}`);
  }
}
