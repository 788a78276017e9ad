/*
 * The ids of documents. Used by world.js.
 *
 * An ObjectId begins with a time. Here it is not the document's own: the positions of a resource are
 * permuted over the whole time range, so that neither order tells anything about the other. The last
 * bytes are the permuted position, which makes the ids unique.
 */

import { hexWord, mix, mixText } from './random.js';
import { timeAt } from './timeline.js';

const COUNTER_DIGITS = 6;
const GOLDEN_RATIO = 0.6180339887;

/** The function that gives the id of each of the resource's documents. */
export function makeIds(seed, resource, count) {
  const hash = mixText(seed, resource);
  const step = stepOver(count);
  const offset = hash % Math.max(count, 1);

  return (index) => {
    const slot = (index * step + offset) % count;
    const time = Math.floor(timeAt((slot + 0.5) / count) / 1000);
    const machine = mix(hash, slot);
    return hexWord(time) + hexWord(machine) + hexDigits(mix(machine, 1) & 0xff, 2) + hexDigits(slot, COUNTER_DIGITS);
  };
}

/** A step that visits each of `count` slots once before it comes back to the first. */
function stepOver(count) {
  let step = Math.max(1, Math.floor(count * GOLDEN_RATIO));
  while (greatestCommonDivisor(step, count) > 1) step++;
  return step;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function hexDigits(number, length) {
  return number.toString(16).padStart(length, '0');
}
