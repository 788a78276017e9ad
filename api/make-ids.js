/*
 * Make the table of the places that hold ids from the OpenAPI document.
 *
 *     node api/make-ids.js > api/ids.json
 *
 * The description calls every id a string, so the names have to tell: ID_NAMES says which ones sound
 * like an id.  What sounds like one and is none was reviewed by hand and stands in TEXTS with its reason.
 * The sandbox makes its ObjectIds from the table, and one of its tests says whether the table is current.
 */
import { readFileSync } from 'node:fs';

const ID_NAMES = /^(_id|.+_id|.+_ids|user|users|to|by|.+_user|.+_users|.+_by|.+_to)$/;

/* Names, or ends of a path where the name alone is an id elsewhere. */
const TEXTS = {
  foreign_ids: "ids that other programs give, such as a dealer management system's",
  tax_id: 'a number of the tax office',
  government_id: 'the number of an identity card',
  contacts_government_ids: 'numbers of identity cards',
  place_id: "a place of a map service, such as Google's",
  data_provider_id: 'the name of a company that sells data of vehicles',
  provider_session_id: "an id of the chat provider's own",
  provider_message_id: "an id of the chat provider's own",
  part_id: 'the number of a spare part',
  labor_id: 'the number of a work item in a catalogue',
  'sms.to': 'a telephone number',
  'whatsappmessages.to': 'a telephone number',
  'call_invites.to': 'an address that a telephone network calls',
};

const api = JSON.parse(readFileSync(new URL('openapi.json', import.meta.url), 'utf8'));

/** {resource: [path, ...]}: dotted paths without the indexes of arrays, in the order of the description. */
function idPlaces() {
  const resources = Object.entries(api.paths).filter(([path]) => /^\/[^/]+$/.test(path));
  return Object.fromEntries(
    resources.map(([path, operations]) => [path.slice(1), leaves(documentSchema(operations)).filter((place) => isId(path.slice(1), place))]),
  );
}

function documentSchema({ get }) {
  const { items } = get.responses['200'].content['application/json'].schema;
  return api.components.schemas[items.$ref.split('/').at(-1)];
}

/** The paths of the string leaves. */
function leaves({ type, format, properties, items }, path = []) {
  if (type === 'array') return leaves(items, path);
  if (properties) return Object.entries(properties).flatMap(([name, schema]) => leaves(schema, [...path, name]));
  return type === 'string' && !format ? [path.join('.')] : [];
}

function isId(resource, place) {
  if (!ID_NAMES.test(place.split('.').at(-1))) return false;
  return !Object.keys(TEXTS).some((text) => `.${resource}.${place}`.endsWith(`.${text}`));
}

process.stdout.write(`${JSON.stringify(idPlaces(), null, 2)}\n`);
