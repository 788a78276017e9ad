/*
 * group_by: how many documents there are for each combination of values. The shape of the service's
 * own answer is not published; this is the sandbox's, and the README describes it.
 * Used by lists.
 */

import { QueryError } from '../mongo/errors.js';
import { isObject } from '../mongo/paths.js';
import { compileSort } from '../mongo/sort.js';
import { inSlices } from './slices.js';

/** What the answer looks like, by the setting `group_shape`: what is sent of a group, and what stands around all. */
export const GROUP_SHAPES = {
  nested: { shown: (group) => group, layout: 'compact' },
  flat: { shown: ({ _id, count: documents }) => ({ ..._id, count: documents }), layout: 'compact' },
  object: { shown: (group) => group, layout: 'groups' },
};

/**
 * groupBy: {name: "$path", ...}. Gives [{_id: {name: value, ...}, count}, ...] in the order of the
 * sort, or of the values when there is none. A missing field is missing from _id.
 */
export async function groupDocuments(snapshot, positions, groupBy, sort) {
  const paths = Object.entries(groupBy).map(([name, path]) => [name, pathOf(name, path)]);
  const groups = new Map();
  let next = 0;
  await inSlices(() => {
    if (next === positions.length) return false;
    count(groups, keyOf(snapshot.entry(positions[next++]).document, paths));
    return true;
  });
  const { keyOf: sortKey, compare } = compileSort(sort.length > 0 ? sort : paths.map(([name]) => [`_id.${name}`, 1]));
  return [...groups.values()].sort((a, b) => compare(sortKey(a), sortKey(b)));
}

function pathOf(name, path) {
  if (typeof path === 'string' && /^\$[^$]/.test(path) && !name.includes('.')) return path.slice(1).split('.');
  throw new QueryError(`group_by: ${name} must be a name without dots, with a path such as "$status.status"`);
}

function keyOf(document, paths) {
  const values = paths.map(([name, path]) => [name, valueAt(document, path)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** A path through an array gives the array of what its elements have. */
function valueAt(value, path) {
  if (path.length === 0) return value;
  if (Array.isArray(value)) return value.map((element) => valueAt(element, path)).filter((found) => found !== undefined);
  return isObject(value) && Object.hasOwn(value, path[0]) ? valueAt(value[path[0]], path.slice(1)) : undefined;
}

function count(groups, key) {
  const name = JSON.stringify(key);
  const group = groups.get(name);
  if (group) group.count++;
  else groups.set(name, { _id: key, count: 1 });
}
