/*
 * The operations of the API that read: what each answers. Called by exchange.js.
 */

import { descriptionTexts } from '../crm/description.js';
import { openCursor } from '../crm/find.js';
import { GROUP_SHAPES, groupDocuments } from '../crm/group.js';
import { kindOf } from '../crm/kinds.js';
import { isShownOtherwise, wayOf } from '../crm/shown.js';
import { EVERYTHING } from '../crm/texts.js';
import { compileProjection } from '../mongo/projection.js';
import { hasCredentials } from './credentials.js';
import { HttpError, NoDocument } from './errors.js';
import { listParameters } from './parameters.js';
import { jsonReply, listReply, makeReply } from './reply.js';

export const describe = ({ settings }) =>
  makeReply(200, { 'Content-Type': 'application/json; charset=utf-8' }, descriptionTexts[settings.description]);

export function notFound(_sandbox, { req }) {
  throw new HttpError(404, `There is no ${req.method} ${req.originalUrl.split('?', 1)[0]}`);
}

/** The collection that a call is about, or 404. */
export function collectionOf({ collection, req }) {
  if (!collection) throw new HttpError(404, `There is no resource ${req.params.resource}`);
  return collection;
}

/** The document that a call is about, or 404. */
export function documentOf(call, settings) {
  const collection = collectionOf(call);
  const document = collection.get(settings.ids === 'objectid' ? objectIdOf(collection, call, settings) : call.id);
  if (!document) throw new NoDocument(`${call.collection.resource}: there is no document ${call.id}`);
  return document;
}

/** The id in the URL as Mongoose casts it. */
function objectIdOf(collection, { id }, settings) {
  try {
    return collection.kinds.schema(kindOf(settings)).castId(id);
  } catch (error) {
    throw new HttpError(settings.id_status, error.message);
  }
}

export const getDocument = ({ settings }, call) => jsonReply([shownDocument(call, documentOf(call, settings), settings)], { documents: 1 });

/** A document as a reply shows it. */
export const shownDocument = ({ collection }, document, settings) => collection.kinds.shown(settings, document);

export async function listDocuments({ settings }, call) {
  const { skip, limit, ...wanted } = listParameters(call.parameters, settings);
  const cap = limit === 0 ? call.pageCap : Math.min(limit, call.pageCap);
  if (wanted.groupBy) return listGroups(call, settings, wanted, { skip, cap });
  const { snapshot, cursor, projection } = openQuery(call, settings, wanted);
  return page(call, await cursor.positions(skip, cap + 1), cap, (position) => snapshot.text(position, projection));
}

/** The sort is one of groups, not of documents. */
async function listGroups(call, settings, { groupBy, sort, ...wanted }, { skip, cap }) {
  const { snapshot, cursor } = openQuery(call, settings, wanted);
  const groups = await groupDocuments(snapshot, await cursor.positions(0, Infinity), groupBy, sort);
  const { shown, layout } = GROUP_SHAPES[settings.group_shape];
  return page(call, groups.slice(skip, skip + cap + 1), cap, (group) => Buffer.from(JSON.stringify(shown(group))), layout);
}

/** One item more than the page holds was looked for: it tells whether there are more. */
function page(call, items, cap, textOf, layout) {
  const hasMore = items.length > cap;
  const sent = miscounted(call, hasMore ? items.slice(0, cap) : items);
  const isSaid = call.sandbox.settings.has_more === 'sent';
  return listReply(mapped(sent, textOf), sent.length, { hasMore: isSaid ? hasMore : null, layout });
}

/** What a fault lets through: without the last ones, or with the first ones again at the end. */
const miscounted = ({ dropped = 0, repeated = 0 }, items) =>
  dropped + repeated === 0 ? items : [...items.slice(0, Math.max(0, items.length - dropped)), ...items.slice(0, repeated)];

export function startJob(sandbox, call) {
  const { settings, dealerId } = sandbox;
  const { url, resultsUrl } = call.listener;
  const results = openQuery(call, settings, listParameters(call.parameters, settings));
  const job = sandbox.jobs.start(call.collection.resource, results, {
    polls: settings.job_polls,
    outcome: settings.job_outcome,
    resultsUrl: (id) => `${resultsUrl}/services/s3/dealers/${dealerId}/${id}`,
  });
  const job_url = `${url}/dealers/${dealerId}/deferredrequests/${job.id}`;
  return jobReply(call, { _id: job.id, dealer_id: dealerId, status: 'queued', job_url });
}

export function pollJob({ jobs, dealerId }, call) {
  const state = jobs.poll(call.jobId);
  if (!state) throw new HttpError(404, `There is no deferred request ${call.jobId}`);
  return jobReply(call, { _id: call.jobId, dealer_id: dealerId, ...state });
}

/** With the fields that faults have for an answer of this status; null takes one out. */
function jobReply({ jobChanges }, job) {
  const changes = jobChanges.filter(({ when = job.status }) => when === job.status);
  const fields = Object.entries(Object.assign({ ...job }, ...changes.map((change) => change.fields)));
  return jsonReply([Object.fromEntries(fields.filter(([, value]) => value !== null))]);
}

/** The results themselves, or where a storage host has them: that asks for a signature instead of credentials. */
export function sendResults(sandbox, call) {
  if (sandbox.settings.results === 'direct') return resultsReply(sandbox, call);
  const { signature } = finishedJob(sandbox, call);
  const Location = `${call.listener.storageUrl}/crm-exports/${sandbox.dealerId}/${call.jobId}.json?X-Signature=${signature}`;
  return makeReply(302, { Location }, '');
}

/** As S3 and its like do: who sends a signature and credentials is refused. */
export function sendStored(sandbox, call) {
  if (hasCredentials(call.req.headers, call.credentials)) {
    throw new HttpError(400, 'Only one auth mechanism allowed: a signature or an Authorization header');
  }
  if (call.parameters.get('X-Signature') !== finishedJob(sandbox, call).signature) throw new HttpError(403, 'Wrong signature');
  return resultsReply(sandbox, call);
}

function finishedJob({ jobs }, call) {
  const job = jobs.results(call.jobId);
  if (!job) throw new HttpError(404, `There are no results ${call.jobId}`);
  return job;
}

async function resultsReply({ jobs, settings }, call) {
  const job = finishedJob({ jobs }, call);
  const { snapshot, cursor, projection, found } = job;
  const sent = miscounted(call, await cursor.positions(0, found));
  const texts = mapped(sent, (position) => snapshot.text(position, projection));
  return listReply(texts, sent.length, { layout: settings.results_layout });
}

function openQuery(call, settings, { project, ...query }) {
  const collection = collectionOf(call);
  const projected = project ? { key: JSON.stringify(project), apply: compileProjection(project) } : EVERYTHING;
  return { ...openCursor(collection, query, kindOf(settings)), projection: shownProjection(call, projected, settings) };
}

/** What Mongoose adds and leaves out is so where the projection has its fields. */
function shownProjection(call, projection, settings) {
  if (!isShownOtherwise(settings)) return projection;
  const key = `${wayOf(settings)} ${projection.key}`;
  return { key, apply: (document) => projection.apply(shownDocument(call, document, settings)) };
}

function* mapped(items, change) {
  for (const item of items) yield change(item);
}
