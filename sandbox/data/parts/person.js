/*
 * Names, addresses and consents. Used by generators/people.js and those who quote it.
 */

import { DAY, isoDate, later } from '../timeline.js';
import {
  ADDRESS_DETAILS,
  EMAIL_HOSTS,
  FIRM_FORMS,
  FIRMS,
  GIVEN_NAMES,
  LOCATIONS,
  SALUTATIONS,
  STREETS,
  SURNAMES,
  TITLES,
  TOWNS,
} from '../vocabulary/people.js';
import { compact, maybe } from './compact.js';
import { custom } from './custom.js';

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';
const CONSENT_DAYS = 730;

export function personName(random) {
  const gender = random.pick(['female', 'male']);
  const first = random.pick(GIVEN_NAMES[gender]);
  const last = `${random.pick(SURNAMES)} ${random.pick(SURNAMES)}`;
  const parsed = random.chance(0.9);
  return compact({
    first_name: first,
    last_name: last,
    gender: maybe(random, 0.9, () => gender),
    salutation: maybe(random, 0.5, () => random.pick(SALUTATIONS[gender])),
    title: maybe(random, 0.1, () => random.pick(TITLES)),
    raw_name: parsed ? `${first} ${last}` : `${last}, ${first}`.toUpperCase(),
    parsed,
    _id: random.objectId(),
  });
}

/** In the form of a Spanish mobile number. */
export function phone(random) {
  return `+346${String(random.integer(0, 99_999_999)).padStart(8, '0')}`;
}

/** `number` keeps people of one name apart. */
export function email(random, name, number) {
  const plain = (text) => text.normalize('NFD').replace(/[^A-Za-z]/g, '').toLowerCase();
  return `${plain(name.first_name)}.${plain(name.last_name.split(' ')[0])}${number}@${random.pick(EMAIL_HOSTS)}`;
}

/** A DNI with the letter that belongs to its number. */
export function governmentId(random) {
  const number = random.integer(1_000_000, 99_999_999);
  return String(number).padStart(8, '0') + DNI_LETTERS[number % 23];
}

export function address(random) {
  const [town, province, region, postalPrefix, latitude, longitude] = random.pick(TOWNS);
  return compact({
    coordinates: maybe(random, 0.7, () => ({
      lat: Number((latitude + random.decimal(-0.05, 0.05, 7)).toFixed(7)),
      lng: Number((longitude + random.decimal(-0.05, 0.05, 7)).toFixed(7)),
      _id: random.objectId(),
    })),
    url: maybe(random, 0.4, () => `https://maps.example/?q=${encodeURIComponent(town)}&cid=${random.word()}`),
    place_id: maybe(random, 0.4, () => `ChIJ${random.hex(22)}`),
    country: 'España',
    area_level_1: region,
    area_level_2: province,
    area_level_3: maybe(random, 0.4, () => town),
    postal_code: postalPrefix + String(random.integer(1, 60)).padStart(2, '0'),
    locality: town,
    route: random.pick(STREETS),
    street_number: random.chance(0.9) ? String(random.integer(1, 240)) : 's/n',
    address_details: maybe(random, 0.4, () => random.pick(ADDRESS_DETAILS)),
    _id: random.objectId(),
  });
}

export function businessDetails(random) {
  const isBusiness = random.chance(0.35);
  if (!isBusiness) return { phones: [], emails: [], is_business: false, _id: random.objectId() };
  const firm = random.pick(FIRMS);
  return compact({
    name: `${firm}, ${random.pick(FIRM_FORMS)}`,
    phones: random.list(0, 2, () => phone(random)),
    emails: random.list(0, 1, () => `info@${random.pick(EMAIL_HOSTS)}`),
    tax_id: `B${random.integer(10_000_000, 99_999_999)}`,
    website: maybe(random, 0.6, () => `https://www.${random.hex(6)}.example/`),
    is_business: true,
    custom: custom(random),
    _id: random.objectId(),
  });
}

/** A data protection entry; its end is `expires_on`, or in one place `expires_at`. */
export function gdpr(random, since, endField = 'expires_on') {
  const granted = later(random, since, 30);
  return compact({
    gdprentry_id: random.objectId(),
    location: random.pick(LOCATIONS),
    consents: { profiling: random.chance(0.4), marketing: random.chance(0.6), third_party: random.chance(0.2), _id: random.objectId() },
    granted_on: isoDate(granted),
    [endField]: maybe(random, 0.7, () => isoDate(granted + CONSENT_DAYS * DAY)),
    custom: custom(random),
    _id: random.objectId(),
  });
}
