/*
 * What is told in more than one document: a task in its own document and in its lead's, a call in
 * the conference and in the client's history. Used by the other generators.
 */

import { custom } from '../parts/custom.js';
import { remark } from '../parts/text.js';
import { DAY, HOUR } from '../timeline.js';
import { LOCATIONS } from '../vocabulary/people.js';
import { APPOINTMENTS, TASKS } from '../vocabulary/texts.js';

export const LEAD_RESOURCES = ['saleleads', 'appraisalleads', 'aftersaleleads'];

const MINUTE = HOUR / 60;

/** The document's field `custom`, which others repeat as `client_customs`, `task_customs` and so on. */
export function customOf(world, resource, index) {
  return custom(world.random(`${resource} custom`, index));
}

/** Of a call, a message or a session. */
export function directionOf(world, resource, index) {
  return world.random(`${resource} direction`, index).pick(['inbound', 'outbound']);
}

/** Of a call: how many seconds it took and what was noted about it. */
export function callFacts(world, index) {
  const random = world.random('call facts', index);
  const answered = random.chance(0.75);
  return {
    status: answered ? 'completed' : random.pick(['no-answer', 'busy', 'voicemail']),
    duration: answered ? random.decimal(4, 1800, 1) : 0,
    note: answered && random.chance(0.5) ? remark(random) : undefined,
  };
}

export function noteContent(world, index) {
  return remark(world.random('note content', index));
}

export function taskFacts(world, index) {
  const random = world.random('task facts', index);
  const due = world.createdAt('tasks', index) + random.integer(1, 21) * DAY;
  return {
    description: random.chance(0.6) ? random.pick(TASKS) : remark(random),
    assignedTo: world.users(random, 0, 2),
    due,
    done: random.chance(0.7),
    doneAt: due + random.integer(-2, 3) * DAY,
  };
}

export function appointmentFacts(world, index) {
  const random = world.random('appointment facts', index);
  const start = world.createdAt('dates', index) + random.integer(4, 400) * HOUR;
  const duration = random.pick([15, 30, 45, 60, 90, 7.5]);
  return {
    title: random.pick(APPOINTMENTS),
    start,
    duration,
    end: start + duration * MINUTE,
    showedUp: random.chance(0.8),
    assignedTo: world.users(random, 1, 2),
    createdBy: world.user(random),
  };
}

/** What `computed` of a client or lead tells of the work on it; all lists are of positions. */
export function workFields(world, { notes, tasks, dates, offers }) {
  const completed = tasks.filter((index) => taskFacts(world, index).done).length;
  return {
    appointments_created_by: dates.map((index) => appointmentFacts(world, index).createdBy),
    notes: notes.map((index) => noteContent(world, index)),
    number_of_appointments: dates.length,
    number_of_completed_tasks: completed,
    number_of_notes: notes.length,
    number_of_offers: offers.length,
    number_of_tasks: tasks.length,
    number_of_uncompleted_tasks: tasks.length - completed,
  };
}

/** The dealer's branch that works on a lead; undefined for what is no lead. */
export function leadLocation(world, place) {
  if (!LEAD_RESOURCES.includes(place?.resource)) return undefined;
  return world.random(`${place.resource} location`, place.index).pick(LOCATIONS);
}

/** The client a document is about, however many documents lie between. */
export function clientOf(world, place) {
  if (!place || place.resource === 'clients') return place;
  const { resource, index } = place;
  return clientOf(world, world.parent(LINK_TOWARDS_CLIENT[resource], index));
}

const LINK_TOWARDS_CLIENT = {
  saleleads: 'saleleads.client',
  appraisalleads: 'appraisalleads.client',
  aftersaleleads: 'aftersaleleads.vehicle',
  clientvehicles: 'clientvehicles.owner',
  whatsappsessions: 'whatsappsessions.client',
  chatsessions: 'chatsessions.client',
};

export const MODEL_NAMES = { saleleads: 'salelead', appraisalleads: 'appraisallead', aftersaleleads: 'aftersalelead' };

/** The references of a document that may belong to a lead or just to a client. */
export function subjectFields(world, subject, random) {
  const isLead = LEAD_RESOURCES.includes(subject?.resource);
  return {
    bulk_import_ids: bulkImportIds(world, random),
    lead_import_ids: isLead ? leadImportIds(world, subject) : [],
    client_id: world.idOf(clientOf(world, subject)),
    lead_id: isLead ? world.idOf(subject) : undefined,
    lead_type: isLead ? MODEL_NAMES[subject.resource] : undefined,
  };
}

/** Ids of imports from files, which are no resource of the API. */
export function bulkImportIds(world, random) {
  return random.list(0, 1, () => world.outsideId('bulkimports', random.integer(0, 12)));
}

/** Ids of the tasks that imported a lead. */
export function leadImportIds(world, place) {
  return world
    .children('leadimporttasks.lead', place.resource, place.index)
    .map((index) => world.id('leadimporttasks', index));
}
