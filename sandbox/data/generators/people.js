/*
 * Generators of clients and contacts.
 */

import { gdpr } from '../parts/person.js';
import { DAY, isoDate } from '../timeline.js';
import { activityFields, clientActivity, clientOnlyActivityFields } from './client-activity.js';
import { clientCore, contactCore } from './client-core.js';
import { bulkImportIds, leadImportIds, LEAD_RESOURCES, workFields } from './quoted.js';

/* client_oldest_undone_..._notification */
const NOTIFIERS = [
  'aftersalelead', 'appraisallead', 'conference', 'date', 'email', 'note', 'salelead', 'sms', 'task', 'whatsappsession',
];

function client(world, index, random) {
  const core = clientCore(world, index);
  const activity = clientActivity(world, index);
  const leads = LEAD_RESOURCES.flatMap((resource) =>
    activity.leads[resource].map((lead) => ({ resource, index: lead })),
  );
  const belonging = (resource) =>
    [...leads, { resource: 'clients', index }].flatMap((place) =>
      world.children(`${resource}.subject`, place.resource, place.index),
    );
  const notes = belonging('notes');
  const { contacts } = core;
  return {
    address: core.address,
    contacts,
    primary_contact: core.primaryContact ?? null,
    business_details: core.businessDetails,
    contacts_emails: core.emails,
    contacts_phones: core.phones,
    contacts_names: core.names,
    contacts_government_ids: core.governmentIds,
    created_by: world.user(random),
    pinned_note_id: notes.length ? world.id('notes', notes[0]) : undefined,
    bulk_import_ids: bulkImportIds(world, random),
    lead_import_ids: leads.flatMap((place) => leadImportIds(world, place)),
    computed: {
      ...activityFields(activity),
      ...clientOnlyActivityFields(world, activity),
      ...undoneNotifications(random, world.createdAt('clients', index)),
      ...workFields(world, { notes, tasks: belonging('tasks'), dates: belonging('dates'), offers: belonging('offers') }),
      primary_contact_gdpr: random.list(0, 2, () => gdpr(random, world.createdAt('clients', index), 'expires_at')),
    },
  };
}

function undoneNotifications(random, since) {
  return Object.fromEntries(
    NOTIFIERS.map((notifier) => [
      `client_oldest_undone_${notifier}_notification`,
      random.chance(0.2) ? isoDate(since + random.integer(1, 300) * DAY) : null,
    ]),
  );
}

function contact(world, index, random) {
  const client = world.parent('contacts.client', index);
  return {
    ...contactCore(world, index),
    client_id: world.idOf(client),
    bulk_import_ids: bulkImportIds(world, random),
    lead_import_ids: client
      ? world
          .children('saleleads.client', 'clients', client.index)
          .flatMap((lead) => leadImportIds(world, { resource: 'saleleads', index: lead }))
      : [],
    computed: { gdpr: random.list(0, 2, () => gdpr(random, world.createdAt('contacts', index))) },
  };
}

export const people = { clients: client, contacts: contact };
