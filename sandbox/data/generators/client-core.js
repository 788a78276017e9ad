/*
 * Who a client is, as its own document, its leads and its calls tell it. Used by the generators of
 * clients, leads and communications.
 */

import { address, businessDetails, email, gdpr, governmentId, personName, phone } from '../parts/person.js';
import { compact } from '../parts/compact.js';
import { customOf } from './quoted.js';

/** A person, as in the resource contacts and in its client's list of contacts. */
export function contactCore(world, index) {
  const random = world.random('contact core', index);
  const name = personName(random);
  return compact({
    _id: world.id('contacts', index),
    name,
    phones: random.list(0, 2, () => phone(random)),
    emails: random.list(0, 2, (i) => email(random, name, index * 3 + i)),
    government_id: random.chance(0.7) ? governmentId(random) : null,
    custom: customOf(world, 'contacts', index),
  });
}

export function clientContacts(world, client) {
  return world.children('contacts.client', 'clients', client).map((index) => contactCore(world, index));
}

/** The fields that a client's leads repeat. */
export function clientCore(world, client) {
  const random = world.random('client core', client);
  const contacts = clientContacts(world, client);
  return {
    contacts,
    primaryContact: contacts[0],
    address: address(random),
    businessDetails: businessDetails(random),
    emails: contacts.flatMap((contact) => contact.emails),
    phones: contacts.flatMap((contact) => contact.phones),
    names: contacts.map((contact) => contact.name.raw_name),
    governmentIds: contacts.flatMap((contact) => contact.government_id ?? []),
    gdpr: gdpr(random, world.createdAt('clients', client)),
    customs: customOf(world, 'clients', client),
  };
}

/** The number under which a client calls; those who hide it are `anonymous`. */
export function clientPhone(world, client) {
  const phones = client ? clientContacts(world, client.index).flatMap((contact) => contact.phones) : [];
  return phones[0] ?? 'anonymous';
}

/** The name that a call of the client shows. */
export function clientName(world, client) {
  return client && clientContacts(world, client.index)[0]?.name.raw_name;
}
