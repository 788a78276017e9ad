/*
 * A whole document: its generator's fields and those that all resources have, in the order of the
 * description, and then what is amiss with it. Used by index.js.
 */

import { resourceSchemas } from '../crm/description.js';
import { damage } from './damage.js';
import { leaveGaps } from './gaps.js';
import { calls } from './generators/calls.js';
import { chats } from './generators/chats.js';
import { leads } from './generators/leads.js';
import { messages } from './generators/messages.js';
import { people } from './generators/people.js';
import { customOf } from './generators/quoted.js';
import { vehicles } from './generators/vehicles.js';
import { work } from './generators/work.js';
import { leaveMarks } from './marks.js';
import { compact, maybe } from './parts/compact.js';
import { HOUR, isoDate, later } from './timeline.js';

const GENERATORS = { ...people, ...vehicles, ...leads, ...work, ...calls, ...messages, ...chats };

export function makeDocument(world, resource, index) {
  const random = world.random(`${resource} document`, index);
  const fields = GENERATORS[resource](world, index, random);
  Object.assign(fields, commonFields(world, resource, index, random));
  fields.computed = compact({ ...fields.computed, _id: maybe(random, 0.9, () => random.objectId()) });
  const schema = resourceSchemas.get(resource);
  const document = inOrder(fields, schema.properties);
  spoil(world.random(`${resource} flaws`, index), document, schema);
  return document;
}

/* The damage comes last, so that nothing hides it. */
function spoil(random, document, schema) {
  leaveMarks(random, document, schema);
  leaveGaps(random, document, schema);
  damage(random, document, schema);
}

function commonFields(world, resource, index, random) {
  const created = world.createdAt(resource, index);
  return {
    _id: world.id(resource, index),
    foreign_ids: random.list(0, 2, () => `DMS-${random.integer(1, 999_999)}`),
    updated_by: random.chance(0.7) ? world.user(random) : undefined,
    dealer_id: world.dealerId,
    custom: customOf(world, resource, index),
    created_at: dateText(random, created),
    updated_at: dateText(random, later(random, created, 90)),
    __v: random.integer(0, 9),
  };
}

/* [share, how a date is written]; most have milliseconds, in UTC */
const DATE_FORMS = [
  [0.02, (time) => isoDate(time).slice(0, 10)],
  [0.02, (time) => `${isoDate(time).slice(0, 19)}Z`],
  [0.02, (time) => `${isoDate(time + 2 * HOUR).slice(0, 23)}+02:00`],
];

function dateText(random, time) {
  let draw = random.fraction();
  const form = DATE_FORMS.find(([share]) => (draw -= share) < 0);
  return form ? form[1](time) : isoDate(time);
}

/* Without those that are undefined. */
function inOrder(fields, properties) {
  const document = {};
  for (const name in properties) if (fields[name] !== undefined) document[name] = fields[name];
  return document;
}
