/*
 * The service's description in other words: the same fields with the same types, said with `oneOf`, `anyOf`,
 * `allOf`, lists of types, `nullable` and formats, as generators of descriptions write them.
 * Used by the operation that serves the description.
 *
 * Which way a schema is said depends on its place alone, so that two runs agree, and each way comes up often.
 */

import { hashSeed, mixText } from '../data/random.js';

const NULL = { type: 'null' };

/** Ways to say that null may stand there, too. */
const NULLABLE = [
  (schema) => ({ oneOf: [schema, NULL] }),
  (schema) => ({ anyOf: [NULL, schema] }),
  ({ type, ...schema }) => ({ type: [type, 'null'], ...schema }),
  ({ type, ...schema }) => ({ type: ['null', type], ...schema }),
  (schema) => ({ ...schema, nullable: true }),
  (schema) => ({ allOf: [schema], nullable: true }),
  (schema) => ({ oneOf: [{ anyOf: [schema] }, NULL] }),
  (schema) => schema,
];

/** Ways to say an object with these members. */
const OBJECTS = [
  (schema) => schema,
  ({ properties }) => ({ allOf: halves(properties).map((half) => ({ type: 'object', properties: half })) }),
  ({ properties }) => {
    const [first, second] = halves(properties);
    return { type: 'object', properties: first, allOf: [{ properties: second }] };
  },
  ({ type: _type, ...schema }) => schema,
];

/** Formats that say nothing which matters, or that it is a date. */
const FORMATS = { number: ['double', 'float', undefined], boolean: [undefined], string: [undefined, undefined, 'text'] };
const DATE_FORMATS = ['date-time', 'date'];
const WHOLE_NUMBERS = /^(__v|year|doors|seats|mileage|.*_?count)$/;

/** The description with other words for its documents. */
export function inOtherWords(description) {
  const schemas = Object.entries(description.components.schemas).map(([name, schema]) => [name, rewritten(schema, name, name)]);
  const changed = { ...description, openapi: '3.1.0', components: { ...description.components, schemas: Object.fromEntries(schemas) } };
  return { ...changed, paths: Object.fromEntries(Object.entries(description.paths).map(([path, item]) => [path, listed(item, path)])) };
}

/** A list of documents, now and then as the one alternative that there is. */
function listed(item, path) {
  const copy = structuredClone(item);
  const content = copy.get?.responses?.['200']?.content?.['application/json'];
  if (content?.schema?.type === 'array') content.schema = pick(path, [content.schema, { oneOf: [content.schema] }, { allOf: [content.schema] }]);
  return copy;
}

function rewritten(schema, name, place) {
  const { type, properties, items, ...rest } = schema;
  if (type === 'array') return nullable({ type, items: rewritten(items, name, `${place}[]`), ...rest }, place);
  if (properties) {
    const members = Object.entries(properties).map(([key, member]) => [key, rewritten(member, key, `${place}.${key}`)]);
    const object = pick(`${place} object`, OBJECTS)({ type, properties: Object.fromEntries(members), ...rest });
    return place === name || !object.type ? object : nullable(object, place);
  }
  return type && type !== 'object' ? nullable(formatted(schema, name, place), place) : schema;
}

const nullable = (schema, place) => pick(place, NULLABLE)(schema);

function formatted({ format, ...schema }, name, place) {
  if (format === 'date-time') return { ...schema, format: pick(`${place} format`, DATE_FORMATS) };
  if (schema.type === 'number' && WHOLE_NUMBERS.test(name)) return { ...schema, type: 'integer', format: pick(place, ['int32', 'int64']) };
  const chosen = pick(`${place} format`, FORMATS[schema.type] ?? [undefined]);
  return chosen ? { ...schema, format: chosen } : schema;
}

/** The members in two parts, in their order. */
function halves(properties) {
  const members = Object.entries(properties);
  const middle = Math.ceil(members.length / 2);
  return [members.slice(0, middle), members.slice(middle)].map(Object.fromEntries);
}

const pick = (place, choices) => choices[mixText(hashSeed(7), place) % choices.length];
