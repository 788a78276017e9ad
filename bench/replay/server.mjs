/*
 * A service that costs nothing: cars made beforehand, in the order of their ids, sent as fast as they
 * can be. The benchmarks read from it where the sandbox, which has semantics, would be the bottleneck.
 *
 *   node server.mjs --documents 10000     prints one line of JSON when it is ready: {endpoint, documents, bytes}
 *
 *   GET  /dealers/D/cars                  q (ranges of _id), sort (_id or -_id), skip, limit (at most 50), project
 *   GET  /dealers/D/cars/all              the same as a background job
 *   PUT  /_replay/settings                {latency: milliseconds before a reply, project: leave out what was not asked for}
 *   GET  /_replay/statistics              since the settings were put: {requests, bytes, most: requests at once}
 *
 * Anything else is answered 400, so that no benchmark measures the wrong thing.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { makeCars, projected } from './cars.mjs';
import { rangeOf } from './range.mjs';

const PAGE_CAP = 50;
const CHUNK_BYTES = 256 * 1024;
const JSON_HEAD = { 'Content-Type': 'application/json; charset=utf-8' };

const { values: options } = parseArgs({ options: { documents: { type: 'string', default: '10000' } } });
const cars = makeCars(Number(options.documents));
const settings = { latency: 0, project: false };
const statistics = { requests: 0, bytes: 0, most: 0 };
const jobs = new Map();
let current = 0;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  answer(request, response).catch((error) => {
    if (response.headersSent) return response.destroy();
    response.writeHead(400, JSON_HEAD);
    return response.end(JSON.stringify({ error: error.message }));
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const endpoint = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify({ endpoint, documents: cars.ids.length, bytes: cars.bytes.length }));

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, endpoint);
  if (pathname.startsWith('/_replay/')) return control(request, response, pathname);

  statistics.requests++;
  statistics.most = Math.max(statistics.most, ++current);
  try {
    if (settings.latency > 0) await wait(settings.latency);
    await serve(response, pathname, searchParams);
  } finally {
    current--;
  }
}

async function control(request, response, pathname) {
  if (pathname === '/_replay/settings' && request.method === 'PUT') {
    let body = '';
    for await (const part of request) body += part;
    Object.assign(settings, { latency: 0, project: false }, JSON.parse(body));
    Object.assign(statistics, { requests: 0, bytes: 0, most: 0 });
  } else if (pathname !== '/_replay/statistics') throw new Error(`there is no ${pathname}`);
  sendJson(response, statistics);
}

function serve(response, pathname, parameters) {
  const [, , , resource, last] = pathname.split('/');
  if (resource === 'deferredrequests') return sendJson(response, jobs.get(last).poll());
  if (resource === 'results') return sendResults(response, jobs.get(last));
  if (resource !== 'cars') throw new Error(`there is no ${resource}`);
  if (last === 'all') return sendJson(response, startJob(pathname, parameters));
  if (last) throw new Error('a document by its id is not served here');
  return sendPage(response, parameters);
}

function sendPage(response, parameters) {
  const { from, to } = rangeOf(cars.ids, parameters.get('q'));
  const documents = documentsOf(parameters);
  const size = Math.min(Number(parameters.get('limit')) || PAGE_CAP, PAGE_CAP);
  const skip = Number(parameters.get('skip') ?? 0);
  const parts = isDescending(parameters)
    ? [...documents.backwards(Math.max(from, to - skip - size), Math.max(from, to - skip))]
    : [documents.slice(from + skip, Math.min(from + skip + size, to))];
  const length = parts.reduce((sum, part) => sum + part.length, 2);

  statistics.bytes += length;
  response.writeHead(200, {
    ...JSON_HEAD,
    'Content-Length': length,
    'MAPP-has-more': String(from + skip + size < to),
  });
  response.cork();
  response.write('[');
  for (const part of parts) response.write(part);
  response.end(']');
}

function startJob(pathname, parameters) {
  const [, , dealer_id] = pathname.split('/');
  const _id = (jobs.size + 1).toString(16).padStart(24, '0');
  const base = `${endpoint}/dealers/${dealer_id}`;
  const range = rangeOf(cars.ids, parameters.get('q'));

  if (isDescending(parameters)) throw new Error('a job is served in ascending order');
  jobs.set(_id, {
    documents: documentsOf(parameters),
    range,
    poll: () => [
      {
        ...{ _id, dealer_id, status: 'finished', found_documents: range.to - range.from },
        results_url: `${base}/results/${_id}`,
      },
    ],
  });
  return [{ _id, dealer_id, status: 'queued', job_url: `${base}/deferredrequests/${_id}` }];
}

async function sendResults(response, { documents, range: { from, to } }) {
  const slice = documents.slice(from, to);

  statistics.bytes += slice.length + 2;
  response.writeHead(200, { ...JSON_HEAD, 'Content-Length': slice.length + 2 });
  await pipeline(function* chunks() {
    yield '[';
    for (let at = 0; at < slice.length; at += CHUNK_BYTES) yield slice.subarray(at, at + CHUNK_BYTES);
    yield ']';
  }, response);
}

function sendJson(response, value) {
  response.writeHead(200, JSON_HEAD);
  response.end(JSON.stringify(value));
}

function documentsOf(parameters) {
  return settings.project ? projected(cars, parameters.get('project')) : cars;
}

function isDescending(parameters) {
  const sort = parameters.get('sort') ?? '_id';
  if (sort !== '_id' && sort !== '-_id') throw new Error(`this sort is not served here: ${sort}`);
  return sort === '-_id';
}
