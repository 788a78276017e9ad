/*
 * Places inside a document, drawn by chance: where something is amiss. Used by gaps.js, damage.js and
 * marks.js, which change generated documents without knowing their resource.
 */

import { isFreeForm } from '../crm/description.js';

const DEEPER = 0.6;

/**
 * {holder, key, schema}: `holder[key]` is the place and `schema` what should be there, undefined inside
 * free forms. Never an `_id`. Undefined if the way there ended in nothing.
 */
export function randomPlace(random, document, schema) {
  let place = randomMember(random, document, schema);
  while (place && isBranch(valueAt(place)) && random.chance(DEEPER)) {
    const inner = randomMember(random, valueAt(place), place.schema);
    if (!inner) break;
    place = inner;
  }
  return place;
}

/** A place that holds neither an object nor an array. */
export function randomLeaf(random, document, schema) {
  let place = randomMember(random, document, schema);
  while (place && isBranch(valueAt(place))) place = randomMember(random, valueAt(place), place.schema);
  return place;
}

export function valueAt({ holder, key }) {
  return holder[key];
}

function randomMember(random, holder, schema) {
  const keys = Object.keys(holder).filter((key) => key !== '_id');
  if (keys.length === 0) return undefined;
  const key = random.pick(keys);
  return { holder, key, schema: Array.isArray(holder) ? schema?.items : memberSchema(schema, key) };
}

function memberSchema(schema, key) {
  return isFreeForm(key) ? undefined : schema?.properties?.[key];
}

function isBranch(value) {
  return typeof value === 'object' && value !== null;
}
