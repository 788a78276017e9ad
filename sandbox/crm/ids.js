/*
 * The ids of a generated resource, in order. Used by collection.js.
 *
 * A resource may have a million documents that are made on demand, so only a permutation of their
 * positions is kept: 4 bytes a document, made when an id is first looked for.
 */

import { compareStrings } from '../mongo/order.js';

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** Positions 0 to count - 1, ordered by id. */
export function positionsById(count, idAt) {
  const words = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)];
  const positions = new Uint32Array(count);
  const others = [];
  let objectIds = 0;
  for (let position = 0; position < count; position++) {
    const id = idAt(position);
    if (OBJECT_ID.test(id)) {
      words.forEach((word, i) => (word[position] = Number.parseInt(id.slice(8 * i, 8 * i + 8), 16)));
      positions[objectIds++] = position;
    } else {
      others.push(position);
    }
  }
  const [first, second, third] = words;
  positions
    .subarray(0, objectIds)
    .sort((a, b) => first[a] - first[b] || second[a] - second[b] || third[a] - third[b]);
  others.sort((a, b) => compareStrings(idAt(a), idAt(b)));
  return mergeInto(positions, objectIds, others, idAt);
}

/** Merges the positions in `extra` into the first `length` ones, from the end, in place. */
function mergeInto(positions, length, extra, idAt) {
  let from = length - 1;
  let to = length + extra.length - 1;
  for (let next = extra.length - 1; next >= 0; to--) {
    const takeOld = from >= 0 && compareStrings(idAt(positions[from]), idAt(extra[next])) > 0;
    positions[to] = takeOld ? positions[from--] : extra[next--];
  }
  return positions;
}

/** Index of the first of the ordered positions whose id is not below the given one. */
export function lowerBound(positions, idAt, id) {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareStrings(idAt(positions[middle]), id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
