/*
 * What has been done with a client: leads, calls, messages. The numbers are counted, not invented
 * (but for e-mails, which are no resource of the API). Used by the generators of clients and leads.
 */

import { DAY, isoDate, later } from '../timeline.js';
import { callFacts, directionOf, LEAD_RESOURCES } from './quoted.js';

/** Communications are {time, direction}, the oldest first. */
export function clientActivity(world, client) {
  const random = world.random('client activity', client);
  const since = world.createdAt('clients', client);
  const calls = communications(world, 'conferences', client);
  const sms = communications(world, 'sms', client);
  const whatsapps = communications(world, 'whatsappsessions', client);
  const emails = random
    .list(0, 4, () => ({ time: later(random, since, 400), direction: random.pick(['inbound', 'outbound']) }))
    .sort(byTime);
  return {
    leads: clientLeads(world, client),
    calls,
    callFacts: world.children('conferences.client', 'clients', client).map((index) => callFacts(world, index)),
    sms,
    whatsapps,
    emails,
    all: [...calls, ...sms, ...whatsapps, ...emails].sort(byTime),
    lastUser: world.user(random),
    oldestUndone: random.chance(0.5) ? isoDate(since + random.integer(1, 300) * DAY) : null,
  };
}

/** {resource: positions of the client's leads}; after-sale leads come by way of the vehicles. */
function clientLeads(world, client) {
  const vehicles = world.children('clientvehicles.owner', 'clients', client);
  return {
    saleleads: world.children('saleleads.client', 'clients', client),
    appraisalleads: world.children('appraisalleads.client', 'clients', client),
    aftersaleleads: vehicles.flatMap((vehicle) =>
      world.children('aftersaleleads.vehicle', 'clientvehicles', vehicle),
    ),
  };
}

function communications(world, resource, client) {
  return world.children(`${resource}.client`, 'clients', client).map((index) => ({
    time: world.createdAt(resource, index),
    direction: directionOf(world, resource, index),
  }));
}

/** The fields of `computed` that a client and its leads have in common. */
export function activityFields({ leads, calls, callFacts: facts, sms, whatsapps, emails, all, lastUser, oldestUndone }) {
  return {
    client_call_durations: facts.map(({ duration }) => duration),
    client_call_notes: facts.flatMap(({ note }) => note ?? []),
    client_last_call_date: last(calls),
    client_last_communication_date: last(all),
    client_last_communication_direction: all.at(-1)?.direction ?? null,
    client_last_communication_user: all.length ? lastUser : undefined,
    client_last_email_date: last(emails),
    client_last_inbound_call_date: last(inbound(calls)),
    client_last_inbound_communication_date: last(inbound(all)),
    client_last_inbound_email_date: last(inbound(emails)),
    client_last_inbound_sms_date: last(inbound(sms)),
    client_last_outbound_call_date: last(outbound(calls)),
    client_last_outbound_communication_date: last(outbound(all)),
    client_last_outbound_email_date: last(outbound(emails)),
    client_last_outbound_sms_date: last(outbound(sms)),
    client_last_read_email_date: last(inbound(emails)),
    client_last_sms_date: last(sms),
    client_number_of_aftersale_leads: leads.aftersaleleads.length,
    client_number_of_appraisal_leads: leads.appraisalleads.length,
    client_number_of_calls: calls.length,
    client_number_of_communications: all.length,
    client_number_of_exchanged_emails: emails.length,
    client_number_of_inbound_calls: inbound(calls).length,
    client_number_of_inbound_communications: inbound(all).length,
    client_number_of_leads: LEAD_RESOURCES.reduce((sum, resource) => sum + leads[resource].length, 0),
    client_number_of_outbound_calls: outbound(calls).length,
    client_number_of_outbound_communications: outbound(all).length,
    client_number_of_sale_leads: leads.saleleads.length,
    client_number_of_whatsapp_sessions: whatsapps.length,
    client_oldest_undone_notification: oldestUndone,
  };
}

/** Those that only a client's own document has. */
export function clientOnlyActivityFields(world, { leads, sms, whatsapps, emails }) {
  const lastLead = (resource) => {
    const times = leads[resource].map((index) => world.createdAt(resource, index));
    return times.length ? isoDate(Math.max(...times)) : null;
  };
  return {
    client_last_aftersale_lead_date: lastLead('aftersaleleads'),
    client_last_appraisal_lead_date: lastLead('appraisalleads'),
    client_last_sale_lead_date: lastLead('saleleads'),
    client_last_inbound_whatsapp_date: last(inbound(whatsapps)),
    client_last_outbound_whatsapp_date: last(outbound(whatsapps)),
    client_number_of_inbound_emails: inbound(emails).length,
    client_number_of_inbound_sms: inbound(sms).length,
    client_number_of_inbound_whatsapp_sessions: inbound(whatsapps).length,
    client_number_of_outbound_emails: outbound(emails).length,
    client_number_of_outbound_sms: outbound(sms).length,
    client_number_of_outbound_whatsapp_sessions: outbound(whatsapps).length,
    client_number_of_sms: sms.length,
  };
}

function inbound(list) {
  return list.filter(({ direction }) => direction === 'inbound');
}

function outbound(list) {
  return list.filter(({ direction }) => direction === 'outbound');
}

function last(list) {
  return list.length ? isoDate(list.at(-1).time) : null;
}

function byTime(a, b) {
  return a.time - b.time;
}
