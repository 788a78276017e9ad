/*
 * From a query (filter, search, sort) to the matching documents of a collection, in order.
 * Used by lists, groups, jobs and the dump.
 *
 * Conditions on _id decide which documents are looked at: a page by key starts at its key and ends
 * with the page, whatever else the filter asks. If it asks nothing else they are not even looked at.
 */

import { compileFilter } from '../mongo/filter.js';
import { compareStrings } from '../mongo/order.js';
import { isObject } from '../mongo/paths.js';
import { Cursor } from './cursor.js';
import { compileSearch } from './search.js';

/**
 * query: {filter, search, sort, strictQuery}, each of which may be missing. Throws a QueryError where
 * the filter is wrong.
 */
export function openCursor(collection, query) {
  const { filter = {}, search, sort = [], strictQuery = false } = query;
  const snapshot = collection.snapshot();
  const { conditions, text, key } = compileSearch(search);
  const name = JSON.stringify([filter, key, sort, strictQuery]);
  const known = snapshot.cursors.get(name);
  if (known) return { cursor: known, snapshot };

  const asked = conditions ? { $and: [filter, conditions] } : filter;
  const cast = collection.schema.castFilter(asked, { strictQuery });
  const bounds = idBounds(cast);
  const isDecided = bounds.isAll && (!bounds.isNarrow || isById(sort));
  const test = isDecided && !text ? null : documentTest(snapshot, cast, text);
  const cursor = new Cursor(() => candidates(snapshot, bounds, sort), test);
  snapshot.cursors.set(name, cursor);
  return { cursor, snapshot };
}

const isById = (sort) => sort[0]?.[0] === '_id';

function documentTest(snapshot, filter, text) {
  const matches = compileFilter(filter);
  return (position) => {
    const entry = snapshot.entry(position);
    return matches(entry.indexed) && (!text || text(entry.document));
  };
}

async function candidates(snapshot, { ids, low, high }, sort) {
  if (ids) return inOrder(await chosen(snapshot, ids, isById(sort) ? [sort[0]] : sort));
  if (!isById(sort)) return inOrder(sort.length > 0 ? await snapshot.sorted(sort) : snapshot.byInsertion());
  const from = low ? snapshot.indexOfId(low.id, low.isOpen) : 0;
  const to = high ? snapshot.indexOfId(high.id, !high.isOpen) : Infinity;
  return inOrder(snapshot.byId(), from, to, sort[0][1]);
}

function chosen(snapshot, ids, sort) {
  const positions = ids.map((id) => snapshot.find(id)).filter((position) => position !== undefined);
  return snapshot.sortPositions(Uint32Array.from(positions).sort(), sort);
}

/** The positions from `from` to before `to`, backwards for direction -1. */
function inOrder(positions, from = 0, to = Infinity, direction = 1) {
  const end = Math.min(to, positions.length);
  return {
    length: Math.max(0, end - from),
    at: (index) => positions[direction > 0 ? from + index : end - 1 - index],
  };
}

const BOUNDS = {
  $gt: { side: 'low', isOpen: true },
  $gte: { side: 'low', isOpen: false },
  $lt: { side: 'high', isOpen: true },
  $lte: { side: 'high', isOpen: false },
};

/**
 * What a filter says about _id: {ids} that alone can match, or bounds {low, high}, each {id, isOpen}.
 * isAll: the bounds are all that it says; else it still decides, and they are never too narrow.
 */
function idBounds(filter, found = { isAll: true, isNarrow: false }) {
  for (const [key, value] of Object.entries(filter)) {
    if (key === '_id') readConditions(isObject(value) ? value : { $eq: value }, found);
    else if (key === '$and' && Array.isArray(value) && value.length > 0) for (const part of value) idBounds(part, found);
    else found.isAll = false;
  }
  return found;
}

function readConditions(conditions, found) {
  for (const [operator, operand] of Object.entries(conditions)) {
    const isBound = Object.hasOwn(BOUNDS, operator) && typeof operand === 'string';
    if (isBound) narrow(found, { id: operand, ...BOUNDS[operator] });
    else found.isAll = false;
    if (operator === '$eq' && typeof operand === 'string') found.ids = [operand];
    if (operator === '$in' && Array.isArray(operand)) found.ids = [...new Set(operand)].filter((id) => typeof id === 'string');
  }
}

/** Of two bounds on one side the one counts that lets less through. */
function narrow(found, { side, id, isOpen }) {
  found.isNarrow = true;
  const known = found[side];
  const order = known ? compareStrings(id, known.id) * (side === 'low' ? 1 : -1) : 1;
  if (order > 0 || (order === 0 && isOpen)) found[side] = { id, isOpen };
}
