/*
 * The operations of the API that read: what each answers. Called by exchange.js.
 */

import { descriptionText } from '../crm/description.js';
import { openCursor } from '../crm/find.js';
import { groupDocuments } from '../crm/group.js';
import { EVERYTHING } from '../crm/texts.js';
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
  const { skip, limit, ...wanted } = listParameters(call.parameters, settings);
  const cap = limit === 0 ? call.pageCap : Math.min(limit, call.pageCap);
  if (wanted.groupBy) return listGroups(call, settings, wanted, { skip, cap });
  const { snapshot, cursor, projection } = openQuery(call, settings, wanted);
  return page(await cursor.positions(skip, cap + 1), cap, (position) => snapshot.text(position, projection));
}

/** The sort is one of groups, not of documents. */
async function listGroups(call, settings, { groupBy, sort, ...wanted }, { skip, cap }) {
  const { snapshot, cursor } = openQuery(call, settings, wanted);
  const groups = await groupDocuments(snapshot, await cursor.positions(0, Infinity), groupBy, sort);
  return page(groups.slice(skip, skip + cap + 1), cap, (group) => Buffer.from(JSON.stringify(group)));
}

/** One item more than the page holds was looked for: it tells whether there are more. */
function page(items, cap, textOf) {
  const hasMore = items.length > cap;
  if (hasMore) items.pop();
  return listReply(mapped(items, textOf), items.length, hasMore);
}

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
  return jsonReply([{ _id: job.id, dealer_id: dealerId, status: 'queued', job_url }]);
}

export function pollJob({ jobs, dealerId }, { jobId }) {
  const state = jobs.poll(jobId);
  if (!state) throw new HttpError(404, `There is no deferred request ${jobId}`);
  return jsonReply([{ _id: jobId, dealer_id: dealerId, ...state }]);
}

export async function sendResults({ jobs }, { jobId }) {
  const job = jobs.results(jobId);
  if (!job) throw new HttpError(404, `There are no results ${jobId}`);
  const { snapshot, cursor, projection, found } = job;
  const positions = await cursor.positions(0, found);
  return listReply(mapped(positions, (position) => snapshot.text(position, projection)), found);
}

function openQuery(call, settings, { project, ...query }) {
  const collection = collectionOf(call);
  const projection = project ? { key: JSON.stringify(project), apply: compileProjection(project) } : EVERYTHING;
  return { ...openCursor(collection, { ...query, strictQuery: settings.strict_query }), projection };
}

function* mapped(items, change) {
  for (const item of items) yield change(item);
}
