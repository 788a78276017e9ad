/*
 * From a query (filter, search, sort) to the matching documents of a collection, in order.
 * Used by lists, groups, jobs and the dump.
 *
 * Conditions on _id decide which documents are looked at: a page by key starts at its key and ends
 * with the page, whatever else the filter asks.
 */

import { compileFilter } from '../mongo/filter.js';
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
  const cursor = new Cursor(() => candidates(snapshot, cast, sort), documentTest(snapshot, cast, text));
  snapshot.cursors.set(name, cursor);
  return { cursor, snapshot };
}

function documentTest(snapshot, filter, text) {
  const hasFilter = Object.keys(filter).length > 0;
  if (!hasFilter && !text) return null;
  const matches = compileFilter(filter);
  return (position) => {
    const entry = snapshot.entry(position);
    return matches(entry.indexed) && (!text || text(entry.document));
  };
}

async function candidates(snapshot, filter, sort) {
  const { ids, low, high } = idConditions(filter);
  const byId = sort[0]?.[0] === '_id';
  if (ids) return inOrder(await chosen(snapshot, ids, byId ? [sort[0]] : sort));
  if (!byId) return inOrder(sort.length > 0 ? await snapshot.sorted(sort) : snapshot.byInsertion());
  return inOrder(
    snapshot.byId(),
    low === undefined ? 0 : snapshot.indexOfId(low),
    high === undefined ? Infinity : snapshot.indexOfId(high) + 1,
    sort[0][1],
  );
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

/**
 * What a filter says about _id: {ids} that alone can match, or bounds {low, high}. The bounds are
 * inclusive and never too narrow; the filter itself still decides.
 */
function idConditions(filter) {
  const found = {};
  for (const condition of conditionsOnId(filter)) {
    const { $eq, $in, $gt, $gte, $lt, $lte } = isObject(condition) ? condition : { $eq: condition };
    if (typeof $eq === 'string') found.ids = [$eq];
    if (Array.isArray($in)) found.ids = [...new Set($in)].filter((id) => typeof id === 'string');
    for (const low of [$gt, $gte]) if (typeof low === 'string') found.low = low;
    for (const high of [$lt, $lte]) if (typeof high === 'string') found.high = high;
  }
  return found;
}

function conditionsOnId(filter) {
  return [
    ...('_id' in filter ? [filter._id] : []),
    ...(filter.$and ?? []).flatMap((part) => conditionsOnId(part)),
  ];
}
