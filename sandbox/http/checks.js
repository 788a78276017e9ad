/*
 * What the control surface accepts: small descriptions of values, and the one function that holds
 * input against them. Used by settings, fault rules and the control surface itself.
 */

import { allSchemas } from '../crm/description.js';

export const MAX_DOCUMENTS = 1_000_000;

const check = (expected, accepts) => ({ expected, accepts });

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

export const optional = (wanted) => ({ ...wanted, isOptional: true });
export const text = check('text', (value) => typeof value === 'string');
export const object = check('an object', isObject);
export const flag = check('true', (value) => value === true);
export const header = check('a number of seconds or text', (value) => Number.isInteger(value) || text.accepts(value));
export const fraction = check('a number from 0 to 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
export const pattern = check('a regular expression', (value) => text.accepts(value) && compiles(value));
export const resource = check('the name of a resource', (value) => allSchemas.has(value));

export const integer = (min, max = Infinity) =>
  check(
    max === Infinity ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`,
    (value) => Number.isInteger(value) && value >= min && value <= max,
  );

export const oneOf = (...values) =>
  check(`one of ${values.map((value) => JSON.stringify(value)).join(', ')}`, (value) => values.includes(value));

/** The value that a text of the command line stands for: the text itself, or what it is as JSON. Undefined if neither is accepted. */
export function fromText(wanted, given) {
  if (wanted.accepts(given)) return given;
  try {
    const value = JSON.parse(given);
    return wanted.accepts(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const listOf = (wanted) =>
  check(`an array, each ${wanted.expected}`, (value) => Array.isArray(value) && value.every(wanted.accepts));

export const byName = (wanted) =>
  check(`an object with ${wanted.expected} under each name`, (value) => isObject(value) && Object.values(value).every(wanted.accepts));

export const byResource = (wanted) =>
  check(
    `an object with ${wanted.expected} under the name of each resource`,
    (value) => byName(wanted).accepts(value) && Object.keys(value).every(resource.accepts),
  );

/** Any value that the function does not throw at. */
export const parsedBy = (parse, expected) =>
  check(expected, (value) => {
    try {
      parse(value);
      return true;
    } catch {
      return false;
    }
  });

/** A document: it needs an _id to be found by, and nothing else. */
export const documentCheck = check('a document with an _id that is text', (value) => isObject(value) && text.accepts(value._id));

/** Throws a RangeError that says what is wrong, unless the value has the fields and no others. */
export function checkFields(what, value, fields) {
  if (!isObject(value)) throw new RangeError(`${what} must be an object`);
  const strange = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (strange !== undefined) {
    throw new RangeError(`${what} has no ${JSON.stringify(strange)}: it has ${Object.keys(fields).join(', ') || 'nothing'}`);
  }
  for (const [name, wanted] of Object.entries(fields)) {
    if (value[name] === undefined && wanted.isOptional) continue;
    if (!wanted.accepts(value[name])) {
      throw new RangeError(`${what}: ${name} must be ${wanted.expected}, not ${JSON.stringify(value[name])}`);
    }
  }
}

function compiles(source) {
  try {
    return Boolean(new RegExp(source));
  } catch {
    return false;
  }
}
