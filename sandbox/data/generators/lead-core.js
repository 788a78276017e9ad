/*
 * What the three kinds of leads have in common. Used by leads.js.
 */

import { compact, maybe } from '../parts/compact.js';
import { letter } from '../parts/text.js';
import { assignedFields, investments, notification, origin, provider, statusFields } from '../parts/workflow.js';
import { isoDate } from '../timeline.js';
import { IMPORTED_FROM, LEAD_STATUSES, LEAD_TYPES } from '../vocabulary/texts.js';
import { activityFields, clientActivity } from './client-activity.js';
import { clientCore } from './client-core.js';
import {
  appointmentFacts,
  bulkImportIds,
  clientOf,
  customOf,
  leadImportIds,
  leadLocation,
  taskFacts,
  workFields,
} from './quoted.js';

/** The lead with its own fields; what `own.computed` has joins the common ones. */
export function leadFields(world, place, random, own) {
  const since = world.createdAt(place.resource, place.index);
  const assignment = assignedFields(random, world, since);
  const costs = investments(random, world);
  return {
    ...statusFields(random, world, LEAD_STATUSES, since),
    notification: random.chance(0.7) ? notification(random, world, since) : null,
    bulk_import_ids: bulkImportIds(world, random),
    lead_import_ids: leadImportIds(world, place),
    links: random.list(0, 2, () => `https://coches.example/solicitud/${random.hex(8)}?ref="crm"&año=2024`),
    origin: origin(random),
    inquiry: maybe(random, 0.8, () => letter(random)),
    provider: maybe(random, 0.6, () => provider(random, `Nueva solicitud nº ${random.integer(1, 99_999)}`)),
    type: random.pick(LEAD_TYPES),
    location: leadLocation(world, place),
    email_id: maybe(random, 0.4, () => random.objectId()),
    imported_from: random.pick(IMPORTED_FROM),
    ...assignment,
    created_by: world.user(random),
    client_id: world.idOf(clientOf(world, place)),
    investments: costs,
    cost: Number(costs.reduce((sum, { cost }) => sum + cost, 0).toFixed(4)),
    ...own,
    computed: {
      ...leadClientFields(world, clientOf(world, place)),
      ...leadWorkFields(world, place),
      previous_assigned_to: assignment.assigned.slice(0, -1).map(({ to }) => to),
      response_time: random.chance(0.8) ? random.decimal(0, 5000, 3) : null,
      ...own.computed,
    },
  };
}

function leadClientFields(world, client) {
  if (!client) return {};
  const core = clientCore(world, client.index);
  return {
    client_address: core.address,
    client_business_details: core.businessDetails,
    client_contacts: core.contacts,
    client_contacts_names: core.names,
    client_created_at: isoDate(world.createdAt('clients', client.index)),
    client_customs: core.customs,
    client_emails: core.emails,
    client_gdpr: core.gdpr,
    ...activityFields(clientActivity(world, client.index)),
    client_number_of_email_addresses: core.emails.length,
    client_number_of_phone_numbers: core.phones.length,
    client_phones: core.phones,
    client_primary_contact: core.primaryContact ?? null,
  };
}

function leadWorkFields(world, { resource, index }) {
  const [notes, tasks, dates, offers] = ['notes', 'tasks', 'dates', 'offers'].map((kind) =>
    world.children(`${kind}.subject`, resource, index),
  );
  const taskList = tasks.map((task) => taskSummary(world, task));
  const offerDates = offers.map((offer) => isoDate(world.createdAt('offers', offer)));
  return {
    appointments: dates.map((date) => appointmentSummary(world, date)),
    first_offer_date: offerDates[0] ?? null,
    last_offer_date: offerDates.at(-1) ?? null,
    ...workFields(world, { notes, tasks, dates, offers }),
    tasks: taskList,
    tasks_assigned_to: taskList.flatMap((task) => task.assigned_to),
    tasks_date: taskList.map((task) => task.due_date),
  };
}

function appointmentSummary(world, index) {
  const { start, end, showedUp, assignedTo } = appointmentFacts(world, index);
  return compact({
    date: isoDate(start),
    start_date: isoDate(start),
    end_date: isoDate(end),
    showed_up: showedUp,
    assigned_to: assignedTo,
    appointment_id: world.id('dates', index),
    appointment_customs: customOf(world, 'dates', index),
  });
}

function taskSummary(world, index) {
  const { description, assignedTo, done, due } = taskFacts(world, index);
  return compact({
    description,
    assigned_to: assignedTo,
    task_id: world.id('tasks', index),
    done,
    due_date: isoDate(due),
    task_customs: customOf(world, 'tasks', index),
  });
}
