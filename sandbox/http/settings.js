/*
 * How the sandbox behaves where the real service is not known, or where a test wants it otherwise.
 * Read by the operations of the API, changed through the control surface.
 */

import { GROUP_SHAPES } from '../crm/group.js';
import { JOB_OUTCOMES } from '../crm/jobs.js';
import { ID_TYPES } from '../crm/kinds.js';
import { MISSING_ARRAYS } from '../crm/missing_arrays.js';
import { MONGOOSES, STRICT_QUERIES } from '../crm/mongoose.js';
import { PATCH_WAYS } from '../crm/patch.js';
import { TEXT_SETTERS } from '../crm/schema.js';
import { COLLATIONS } from '../mongo/collation.js';
import { DIALECTS } from '../mongo/regex.js';
import { checkFields, fromText, integer, listOf, oneOf, optional, parsedBy } from './checks.js';
import { parseCredentials } from './credentials.js';
import { CODINGS } from './encoding.js';
import { rateLimit } from './rate.js';
import { NO_DOCUMENT, RESULTS_LAYOUTS } from './reply.js';

const FORMATS = oneOf('mongoose', 'comma', 'json');

const DEFAULTS = {
  page_cap: 50,
  sort_format: 'mongoose',
  project_format: 'mongoose',
  auth: 'basic:sandbox-app:sandbox-secret',
  patch: 'vendor',
  ids: 'objectid',
  mongoose: 8,
  strict_query: 'default',
  text_setters: 'none',
  collation: 'none',
  filter_status: 400,
  id_status: 404,
  no_document: 'status',
  regex: 'pcre',
  compress: [],
  rate_limit: null,
  job_polls: 2,
  job_outcome: 'finished',
  results_layout: 'compact',
  results: 'direct',
  group_shape: 'nested',
  group_by: 'accepted',
  search: 'accepted',
  sort: 'honoured',
  project: 'honoured',
  other_formats: 'refused',
  unknown_fields: 'dropped',
  client_ids: 'kept',
  description: 'plain',
  has_more: 'sent',
  missing_arrays: 'absent',
  empty_objects: 'shown',
  virtual_id: 'hidden',
  byte_order_mark: 'none',
};

/** By name, what each accepts. */
const FIELDS = {
  page_cap: optional(integer(1)),
  sort_format: optional(FORMATS),
  project_format: optional(FORMATS),
  auth: optional(parsedBy(parseCredentials, 'bearer:TOKEN, basic:USER:PASSWORD, header:NAME:VALUE or none')),
  patch: optional(oneOf(...PATCH_WAYS)),
  ids: optional(oneOf(...ID_TYPES)),
  mongoose: optional(oneOf(...MONGOOSES)),
  strict_query: optional(oneOf(...STRICT_QUERIES, true, false)),
  text_setters: optional(oneOf(...TEXT_SETTERS)),
  collation: optional(oneOf(...Object.keys(COLLATIONS))),
  filter_status: optional(oneOf(400, 422, 500)),
  id_status: optional(oneOf(404, 400, 422, 500)),
  no_document: optional(oneOf('status', ...Object.keys(NO_DOCUMENT))),
  regex: optional(oneOf(...DIALECTS)),
  rate_limit: optional(rateLimit),
  compress: optional(listOf(oneOf(...CODINGS))),
  job_polls: optional(integer(0)),
  job_outcome: optional(oneOf(...JOB_OUTCOMES)),
  results_layout: optional(oneOf(...RESULTS_LAYOUTS)),
  results: optional(oneOf('direct', 'redirect')),
  group_shape: optional(oneOf(...Object.keys(GROUP_SHAPES))),
  group_by: optional(oneOf('accepted', 'refused')),
  search: optional(oneOf('accepted', 'refused')),
  sort: optional(oneOf('honoured', 'ignored')),
  project: optional(oneOf('honoured', 'ignored')),
  other_formats: optional(oneOf('refused', 'misread')),
  unknown_fields: optional(oneOf('dropped', 'kept')),
  client_ids: optional(oneOf('kept', 'replaced')),
  description: optional(oneOf('plain', 'alternatives')),
  has_more: optional(oneOf('sent', 'missing')),
  missing_arrays: optional(oneOf(...MISSING_ARRAYS)),
  empty_objects: optional(oneOf('shown', 'hidden')),
  virtual_id: optional(oneOf('hidden', 'shown')),
  byte_order_mark: optional(oneOf('none', 'sent')),
};

/** [name, what it accepts in words, its value at first] of each. */
export const SETTINGS = Object.entries(FIELDS).map(([name, { expected }]) => [name, expected, DEFAULTS[name]]);

/** A setting's value from the text of a command line. Throws a RangeError where there is none. */
export function settingFromText(name, text) {
  const value = fromText(FIELDS[name], text);
  if (value === undefined) throw new RangeError(`${name} must be ${FIELDS[name].expected}, not ${text}`);
  return value;
}

/** The previous settings with changes. Throws a RangeError where one is wrong. */
export function makeSettings(changes, previous = DEFAULTS) {
  checkFields('the settings', changes, FIELDS);
  return { ...previous, ...changes };
}
