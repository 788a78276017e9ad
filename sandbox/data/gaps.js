/*
 * What documents lack. The generators leave out what belongs together; here, now and then, any field
 * is null or missing, as years of changing software leave it. Used by document.js.
 *
 * A document has up to two such gaps, at any depth, but never in an `_id` or in `dealer_id`. In an
 * array of scalars an element becomes null; an element of an array of objects stays an object.
 */

import { randomPlace } from './places.js';

const GAPS = [0, 0, 0, 1, 1, 2];

export function leaveGaps(random, document, schema) {
  for (let left = random.pick(GAPS); left > 0; left--) leaveGap(random, randomPlace(random, document, schema));
}

function leaveGap(random, place) {
  if (!place || place.key === 'dealer_id') return;
  const { holder, key, schema } = place;
  const missing = random.chance(0.5);
  if (Array.isArray(holder)) {
    if (schema?.type !== 'object') holder[key] = null;
  } else if (missing) {
    delete holder[key];
  } else {
    holder[key] = null;
  }
}
