/*
 * The operations of the API that read: what each answers. Called by exchange.js.
 */

import { descriptionText } from '../crm/description.js';
import { openCursor } from '../crm/find.js';
import { compileProjection } from '../mongo/projection.js';
import { HttpError } from './errors.js';
import { listParameters } from './parameters.js';
import { jsonReply, listReply, makeReply } from './reply.js';

export const describe = () => makeReply(200, { 'Content-Type': 'application/json; charset=utf-8' }, descriptionText);

export function notFound(_sandbox, { req }) {
  throw new HttpError(404, `There is no ${req.method} ${req.path}`);
}

/** The collection that a call is about, or 404. */
export function collectionOf({ collection, req }) {
  if (!collection) throw new HttpError(404, `There is no resource ${req.params.resource}`);
  return collection;
}

/** The document that a call is about, or 404. */
export function documentOf(call) {
  const document = collectionOf(call).get(call.id);
  if (!document) throw new HttpError(404, `${call.collection.resource}: there is no document ${call.id}`);
  return document;
}

export const getDocument = (_sandbox, call) => jsonReply([documentOf(call)], { documents: 1 });

export async function listDocuments({ settings }, call) {
  const collection = collectionOf(call);
  const { skip, limit, project, ...query } = listParameters(call.parameters, settings);
  const cap = limit === 0 ? call.pageCap : Math.min(limit, call.pageCap);
  const send = project ? compileProjection(project) : (document) => document;

  const { cursor, snapshot } = await openCursor(collection, { ...query, strictQuery: settings.strict_query });
  const positions = await cursor.positions(skip, cap + 1);
  const hasMore = positions.length > cap;
  if (hasMore) positions.pop();
  return listReply(documentsAt(snapshot, positions, send), positions.length, hasMore);
}

export function* documentsAt(snapshot, positions, send) {
  for (const position of positions) yield send(snapshot.entry(position).document);
}
