/*
 * How the sandbox behaves where the real service is not known, or where a test wants it otherwise.
 * Read by the operations of the API, changed through the control surface.
 */

import { JOB_OUTCOMES } from '../crm/jobs.js';
import { checkFields, integer, listOf, oneOf, optional, parsedBy } from './checks.js';
import { parseCredentials } from './credentials.js';
import { CODINGS } from './encoding.js';
import { rateLimit } from './rate.js';
import { LAYOUTS } from './reply.js';

const FORMATS = oneOf('mongoose', 'comma', 'json');

const DEFAULTS = {
  page_cap: 50,
  sort_format: 'mongoose',
  project_format: 'mongoose',
  auth: 'basic:sandbox-app:sandbox-secret',
  patch: 'mongoose',
  strict_query: false,
  compress: [],
  rate_limit: null,
  job_polls: 2,
  job_outcome: 'finished',
  results_layout: 'compact',
};

const FIELDS = {
  page_cap: optional(integer(1)),
  sort_format: optional(FORMATS),
  project_format: optional(FORMATS),
  auth: optional(parsedBy(parseCredentials, 'bearer:TOKEN, basic:USER:PASSWORD, header:NAME:VALUE or none')),
  patch: optional(oneOf('mongoose', 'rfc6902')),
  strict_query: optional(oneOf(true, false)),
  rate_limit: optional(rateLimit),
  compress: optional(listOf(oneOf(...CODINGS))),
  job_polls: optional(integer(0)),
  job_outcome: optional(oneOf(...JOB_OUTCOMES)),
  results_layout: optional(oneOf(...Object.keys(LAYOUTS))),
};

/** The previous settings with changes. Throws a RangeError where one is wrong. */
export function makeSettings(changes, previous = DEFAULTS) {
  checkFields('the settings', changes, FIELDS);
  return { ...previous, ...changes };
}
