/*
 * How the sandbox behaves where the real service is not known, or where a test wants it otherwise.
 * Read by the operations of the API, changed through the control surface.
 */

import { parseCredentials } from './credentials.js';

const isCount = (minimum) => (value) => Number.isInteger(value) && value >= minimum;
const isOneOf = (...values) =>
  Object.assign((value) => values.includes(value), { expected: `one of ${values.join(', ')}` });

const FORMATS = isOneOf('mongoose', 'comma', 'json');

/** Every setting: its value unless told otherwise, and what it may be. */
const SETTINGS = {
  page_cap: [50, Object.assign(isCount(1), { expected: 'an integer of at least 1' })],
  sort_format: ['mongoose', FORMATS],
  project_format: ['mongoose', FORMATS],
  auth: ['bearer:sandbox-token', Object.assign(isCredentials, { expected: 'bearer:T, basic:U:P, header:N:V or none' })],
  patch: ['mongoose', isOneOf('mongoose', 'rfc6902')],
  strict_query: [false, isOneOf(true, false)],
  job_polls: [2, Object.assign(isCount(0), { expected: 'an integer of at least 0' })],
  job_outcome: ['finished', isOneOf('finished', 'failed', 'vanished')],
};

function isCredentials(value) {
  try {
    return Boolean(parseCredentials(value));
  } catch {
    return false;
  }
}

/** All settings, with the given ones in place of the defaults. Throws a RangeError where one is wrong. */
export function makeSettings(changes, previous) {
  const defaults = Object.fromEntries(Object.entries(SETTINGS).map(([name, [value]]) => [name, value]));
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(SETTINGS, name)) {
      throw new RangeError(`there is no setting ${name}: the settings are ${Object.keys(SETTINGS).join(', ')}`);
    }
    const [, accepts] = SETTINGS[name];
    if (!accepts(value)) throw new RangeError(`${name} must be ${accepts.expected}, not ${JSON.stringify(value)}`);
  }
  return { ...defaults, ...previous, ...changes };
}
