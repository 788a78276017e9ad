/*
 * What the service has and its public description does not: resources of the same form, and a field of
 * leadimporttasks. Written as the description would. Used by description.js.
 */

const text = { type: 'string' };

/** Of every id in them. */
export const OUTSIDE_ID = { type: 'string' };
const date = { type: 'string', format: 'date-time' };

/** What every document has. */
const COMMON = {
  _id: OUTSIDE_ID,
  foreign_ids: { type: 'array', items: text },
  updated_by: OUTSIDE_ID,
  dealer_id: OUTSIDE_ID,
  custom: text,
  created_at: date,
  updated_at: date,
  computed: { type: 'object', properties: { _id: OUTSIDE_ID } },
  __v: { type: 'number' },
};

const resource = (properties) => ({ type: 'object', properties: { ...properties, ...COMMON } });

export const outsideSchemas = new Map([
  ['users', resource({ first_name: text, last_name: text, email: text, role: text, active: { type: 'boolean' }, created_by: OUTSIDE_ID })],
  ['templates', resource({ name: text, subject: text, body: text, channel: text, created_by: OUTSIDE_ID })],
  ['emails', resource({ from: text, to: { type: 'array', items: text }, subject: text, body: text, sent_at: date, template_id: OUTSIDE_ID, created_by: OUTSIDE_ID })],
]);

/** The lead that an import is about: any JSON. */
export const PAYLOAD = {};
