/*
 * What each kind of service makes of a filter, whatever the settings say: asked for by the control surface, for tests
 * of what clients send.
 */

import { KINDS } from '../crm/kinds.js';
import { compileFilter } from '../mongo/filter.js';
import { ObjectId } from '../mongo/object_id.js';

/** One entry for each kind: {ids, mongoose, strict_query, filter}, or with the error of the refusal for the filter. */
export function castsOf(collection, filter) {
  return KINDS.map((kind) => ({ ...namesOf(kind), ...castOf(collection, filter, kind) }));
}

/** The entries with an error for each different filter that the log has, with its resource and the filter as q. */
export function* refusalsOf(entries, collectionOf) {
  const seen = new Set();
  for (const { resource, query } of entries) {
    const name = JSON.stringify([resource, query.q]);
    if (!resource || typeof query.q !== 'object' || seen.has(name)) continue;
    seen.add(name);
    const refused = castsOf(collectionOf(resource), query.q).filter(({ error }) => error !== undefined);
    yield refused.map((entry) => ({ resource, q: query.q, ...entry }));
  }
}

const namesOf = ({ ids, mongoose, strictQuery }) => ({ ids, mongoose, strict_query: strictQuery });

function castOf(collection, filter, kind) {
  try {
    const cast = collection.kinds.schema(kind).castFilter(filter);
    compileFilter(cast);
    return { filter: extended(cast) };
  } catch (error) {
    return { error: error.message };
  }
}

/** As MongoDB's extended JSON. The driver sends what is undefined as null. */
function extended(value) {
  if (value instanceof ObjectId) return { $oid: value.hex };
  if (value instanceof Date) return { $date: value.toISOString() };
  if (Array.isArray(value)) return value.map(extended);
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, extended(child)]));
}
