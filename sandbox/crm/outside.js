/*
 * What the service has and its public description does not: resources of the same form, and a field of
 * leadimporttasks. Written as the description would. Used by description.js and kinds.js.
 */

const text = { type: 'string' };
const date = { type: 'string', format: 'date-time' };

/** What every document has. */
const COMMON = {
  _id: text,
  foreign_ids: { type: 'array', items: text },
  updated_by: text,
  dealer_id: text,
  custom: text,
  created_at: date,
  updated_at: date,
  computed: { type: 'object', properties: { _id: text } },
  __v: { type: 'number' },
};

const resource = (properties) => ({ type: 'object', properties: { ...properties, ...COMMON } });

export const outsideSchemas = new Map([
  ['users', resource({ first_name: text, last_name: text, email: text, role: text, active: { type: 'boolean' }, created_by: text })],
  ['templates', resource({ name: text, subject: text, body: text, channel: text, created_by: text })],
  ['emails', resource({ from: text, to: { type: 'array', items: text }, subject: text, body: text, sent_at: date, template_id: text, created_by: text })],
]);

/** Where ids are in them. */
export const OUTSIDE_ID_PLACES = ['_id', 'updated_by', 'created_by', 'template_id', 'dealer_id', 'computed._id'];

/** The lead that an import is about: any JSON. */
export const PAYLOAD = {};
