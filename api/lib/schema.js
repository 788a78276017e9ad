/*
 * Read an example value as a JSON Schema (OpenAPI 3.0 dialect).
 *
 * document.js calls this with one example document a resource.  The page writes types
 * as sample values; what a sample does not say, such as further values of an enum,
 * the schema leaves open.
 */

const SAMPLE_STRING = 'string';
const SAMPLE_DATE = '2025-08-08';

/* The page shows an object with free keys as one that has this key alone. */
const SAMPLE_KEY = 'additionalProp1';

export function schemaFromExample(example) {
  if (Array.isArray(example))
    return { type: 'array', items: schemaFromExample(example[0]) };
  if (example !== null && typeof example === 'object')
    return objectSchema(example);
  return scalarSchema(example);
}

function objectSchema(example) {
  if (Object.keys(example).join() === SAMPLE_KEY)
    return { type: 'object', additionalProperties: true };
  return { type: 'object', properties: mapValues(example, schemaFromExample) };
}

function scalarSchema(sample) {
  if (sample === null)
    return { description: 'Free form: any JSON value.' };
  if (sample === SAMPLE_DATE)
    return { type: 'string', format: 'date-time' };
  if (typeof sample === 'string' && sample !== SAMPLE_STRING)
    return { type: 'string', description: `One of several values, such as \`${sample}\`.` };
  return { type: typeof sample };
}

function mapValues(object, change) {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, change(value)]));
}
