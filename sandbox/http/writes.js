/*
 * The operations of the API that write: what each changes and answers. Called by exchange.js.
 */

import { kindOf } from '../crm/kinds.js';
import { applyPatch } from '../crm/patch.js';
import { withUnknown } from '../crm/unknown.js';
import { newObjectIdText } from '../mongo/object_id.js';
import { HttpError } from './errors.js';
import { collectionOf, documentOf, shownDocument } from './operations.js';
import { jsonReply } from './reply.js';

/** What the service adds to a document that does not say it. */
function serverFields(dealerId) {
  const now = new Date().toISOString();
  return { __v: 0, dealer_id: dealerId, created_at: now, updated_at: now };
}

export function createDocument({ dealerId, settings }, call) {
  const collection = collectionOf(call);
  const cast = bodyAsStored(call, settings);
  const chosen = settings.client_ids === 'kept' ? cast._id : undefined;
  const _id = chosen ?? newObjectIdText();
  if (collection.get(_id)) throw new HttpError(409, `E11000 duplicate key error: ${collection.resource} has ${_id} already`);
  return stored(call, settings, { _id, ...serverFields(dealerId), ...cast, _id });
}

export function replaceDocument({ dealerId, settings }, call) {
  const previous = documentOf(call, settings);
  const cast = bodyAsStored(call, settings, previous);
  const { _id, __v, dealer_id, created_at } = previous;
  if (cast._id !== undefined && cast._id !== _id) throw new HttpError(422, 'the path _id is immutable');
  const kept = { __v, dealer_id, created_at };
  return stored(call, settings, touched({ _id, ...serverFields(dealerId), ...kept, ...cast }, previous));
}

export function patchDocument({ settings }, call) {
  const previous = documentOf(call, settings);
  const patched = applyPatch(schemaOf(call, settings), previous, parseBody(call), settings);
  return stored(call, settings, touched(patched, previous));
}

export function deleteDocument({ settings }, call) {
  const { _id } = documentOf(call, settings);
  call.collection.remove(_id);
  return jsonReply({ _id });
}

/** The body as the schema casts it; what the schema does not know stays if the settings say so. */
function bodyAsStored(call, settings, previous) {
  const body = parseBody(call);
  const cast = schemaOf(call, settings).castDocument(body, previous);
  return settings.unknown_fields === 'kept' ? withUnknown(cast, body) : cast;
}

const schemaOf = ({ collection }, settings) => collection.kinds.schema(kindOf(settings));

function parseBody({ body }) {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new HttpError(400, `the body is not valid JSON: ${error.message}`);
  }
}

/** updated_at is now, unless the request itself has set it to something else. */
function touched(document, { updated_at }) {
  return document.updated_at === updated_at ? { ...document, updated_at: new Date().toISOString() } : document;
}

function stored(call, settings, document) {
  call.collection.put(document);
  return jsonReply(shownDocument(call, document, settings), { documents: 1 });
}
