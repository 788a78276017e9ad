/*
 * The fault that changes the data between two requests: documents come and go as if others worked
 * on the CRM at the same time. Used by faults.js.
 */

import { Random } from '../data/random.js';
import { checkFields, integer, optional, parsedBy, resource } from './checks.js';

const HEX_DIGITS = 16;

const RANDOM_FIELDS = {
  resource,
  insert: optional(integer(0)),
  delete: optional(integer(0)),
  seed: optional(integer(0)),
};

export const randomChange = parsedBy(
  (value) => checkFields('random', value, RANDOM_FIELDS),
  '{resource, insert, delete, seed}',
);

/** Applies the changes, and notes the ids of what was inserted and deleted on the rule. */
export function mutate({ insert = {}, delete: remove = {}, random }, { sandbox }, rule) {
  for (const [resource, documents] of Object.entries(insert)) insertInto(sandbox, rule, resource, documents);
  for (const [resource, ids] of Object.entries(remove)) deleteFrom(sandbox, rule, resource, ids);
  if (!random) return;
  rule.random ??= new Random(random.seed ?? 1);
  const collection = sandbox.collection(random.resource);
  insertInto(sandbox, rule, random.resource, someCopies(collection, random.insert ?? 0, rule.random));
  deleteFrom(sandbox, rule, random.resource, someIds(collection, random.delete ?? 0, rule.random));
}

function insertInto(sandbox, rule, resource, documents) {
  const collection = sandbox.collection(resource);
  for (const document of documents) collection.put(document);
  note(rule, 'inserted', resource, documents.map((document) => document._id));
}

function deleteFrom(sandbox, rule, resource, ids) {
  const collection = sandbox.collection(resource);
  note(rule, 'deleted', resource, ids.filter((id) => collection.remove(id)));
}

function note(rule, kind, resource, ids) {
  rule[kind] ??= {};
  rule[kind][resource] = [...(rule[kind][resource] ?? []), ...ids];
}

/** Copies of existing documents under new ids that fall between the existing ones. */
function someCopies(collection, count, random) {
  return someIds(collection, count, random).map((id) => ({ ...collection.get(id), _id: idNear(id, random) }));
}

/** An ObjectId begins with its time: keeping that keeps the new id in the range of the others. */
function idNear(id, random) {
  const digits = Array.from({ length: 24 }, () => random.integer(0, HEX_DIGITS - 1).toString(HEX_DIGITS)).join('');
  return /^[0-9a-f]{24}$/.test(id) ? id.slice(0, 8) + digits.slice(8) : digits;
}

function someIds(collection, count, random) {
  const snapshot = collection.snapshot();
  const positions = snapshot.byInsertion();
  const chosen = new Set();
  while (chosen.size < Math.min(count, positions.length)) chosen.add(random.integer(0, positions.length - 1));
  return [...chosen].map((index) => snapshot.idAt(positions[index]));
}
