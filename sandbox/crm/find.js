/*
 * From a query (filter, search, sort) to the matching documents of a collection, in order.
 * Used by lists, groups, jobs and the dump.
 *
 * Conditions on _id decide which documents are looked at: a page by key starts at its key and ends
 * with the page, whatever else the filter asks. If it asks nothing else they are not even looked at.
 */

import { compileFilter } from '../mongo/filter.js';
import { ObjectId } from '../mongo/object_id.js';
import { compareStrings } from '../mongo/order.js';
import { isObject } from '../mongo/paths.js';
import { Cursor } from './cursor.js';
import { compileSearch } from './search.js';

/**
 * query: {filter, search, sort}, each of which may be missing; kind: as kinds.js knows it. Throws a FilterError
 * where the filter is wrong.
 */
export function openCursor(collection, query, kind) {
  const { filter = {}, search, sort = [] } = query;
  const snapshot = collection.snapshot();
  const { conditions, text, key } = compileSearch(search);
  const name = JSON.stringify([filter, key, sort, kind]);
  const known = snapshot.cursors.get(name);
  if (known) return { cursor: known, snapshot };

  const asked = conditions ? { $and: [filter, conditions] } : filter;
  const cast = collection.kinds.schema(kind).castFilter(asked);
  const isOrdered = kind.ids === 'string' || snapshot.hasOnlyObjectIds;
  const bounds = isOrdered ? idBounds(cast) : { isAll: Object.keys(cast).length === 0 };
  const isDecided = bounds.isAll && (!bounds.isNarrow || isById(sort));
  const test = isDecided && !text ? null : documentTest(snapshot, cast, text, kind);
  const cursor = new Cursor(() => candidates(snapshot, bounds, sort, { kind, isOrdered }), test);
  snapshot.cursors.set(name, cursor);
  return { cursor, snapshot };
}

const isById = (sort) => sort[0]?.[0] === '_id';

function documentTest(snapshot, filter, text, { ids, regex, collation }) {
  const matches = compileFilter(filter, regex, collation);
  return (position) => {
    const entry = snapshot.entry(position);
    return matches(entry.indexed(ids)) && (!text || text(entry.document));
  };
}

/** isOrdered: whether the order of the snapshot's ids is the order of their texts. */
async function candidates(snapshot, { chosen, low, high }, sort, { kind, isOrdered }) {
  if (chosen) return inOrder(await choose(snapshot, chosen, isById(sort) ? [sort[0]] : sort, kind));
  if (sort.length === 0) return inOrder(snapshot.byInsertion());
  if (!isById(sort) || !isOrdered) return inOrder(await snapshot.sorted(sort, kind));
  const from = low ? snapshot.indexOfId(low.id, low.isOpen) : 0;
  const to = high ? snapshot.indexOfId(high.id, !high.isOpen) : Infinity;
  return inOrder(snapshot.byId(), from, to, sort[0][1]);
}

function choose(snapshot, chosen, sort, kind) {
  const positions = chosen.map((id) => snapshot.find(id)).filter((position) => position !== undefined);
  return snapshot.sortPositions(Uint32Array.from(positions).sort(), sort, kind);
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
 * What a cast filter says about _id: {chosen}, the ids that alone can match, or bounds {low, high}, each {id, isOpen}.
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
    const id = idText(operand);
    if (Object.hasOwn(BOUNDS, operator) && id !== undefined) narrow(found, { id, ...BOUNDS[operator] });
    else found.isAll = false;
    if (operator === '$eq' && id !== undefined) found.chosen = [id];
    if (operator === '$in' && Array.isArray(operand)) {
      found.chosen = [...new Set(operand.map(idText))].filter((text) => text !== undefined);
    }
  }
}

/** The text of what may be an _id. */
function idText(operand) {
  if (operand instanceof ObjectId) return operand.hex;
  return typeof operand === 'string' ? operand : undefined;
}

/** Of two bounds on one side the one counts that lets less through. */
function narrow(found, { side, id, isOpen }) {
  found.isNarrow = true;
  const known = found[side];
  const order = known ? compareStrings(id, known.id) * (side === 'low' ? 1 : -1) : 1;
  if (order > 0 || (order === 0 && isOpen)) found[side] = { id, isOpen };
}
