/*
 * The control surface, /_sandbox/...: what tests ask the sandbox itself. Not part of the service, so
 * it needs no credentials and leaves no trace in the log.
 */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';

import express from 'express';

import { openCursor } from '../crm/find.js';
import { kindOf } from '../crm/kinds.js';
import { withObjectIds } from '../crm/object_ids.js';
import { EVERYTHING } from '../crm/texts.js';
import { castsOf, refusalsOf } from './casts.js';
import { byResource, checkFields, documentCheck, integer, listOf, MAX_DOCUMENTS, object, optional, resource } from './checks.js';

const BODY_LIMIT = '512mb';
const CHUNK_LINES = 64;

const DATA_FIELDS = {
  seed: optional(integer(0)),
  scale: optional(integer(1, MAX_DOCUMENTS)),
  counts: optional(byResource(integer(0, MAX_DOCUMENTS))),
};
const CAST_FIELDS = { resource, q: object };
const DOCUMENTS_FIELDS = { documents: listOf(documentCheck) };

export function controlRouter(sandbox) {
  const router = express.Router({ caseSensitive: true });
  router.use(express.json({ limit: BODY_LIMIT, type: () => true, strict: false }));
  logRoutes(router, sandbox);
  dataRoutes(router, sandbox);
  settingRoutes(router, sandbox);
  castRoutes(router, sandbox);
  faultRoutes(router, sandbox);
  router.use((req, res) => res.status(404).json({ error: `the sandbox has no ${req.method} ${req.originalUrl}` }));
  router.use(refuse);
  return router;
}

function logRoutes(router, { log, connections }) {
  router.get('/connections', (_req, res) => res.json(connections.list()));
  router.get('/log', (_req, res) => sendLines(res, 'application/json', logLines(log.entries())));
  router.delete('/log', (_req, res) => {
    log.clear();
    res.json({});
  });
  router.post('/log/take', (_req, res) => {
    const entries = log.entries();
    log.clear();
    return sendLines(res, 'application/json', logLines(entries));
  });
}

function dataRoutes(router, sandbox) {
  router.post('/reset', (req, res) => {
    if (req.body) checkFields('the data', req.body, DATA_FIELDS);
    sandbox.reset(req.body);
    res.json({});
  });
  router.get('/dump/:resource', async (req, res) => {
    const { cursor, snapshot } = openCursor(sandbox.collection(req.params.resource), { sort: [['_id', 1]] }, kindOf(sandbox.settings));
    const positions = await cursor.positions(0, Infinity);
    await sendLines(res, 'application/x-ndjson', documentLines(snapshot, positions));
  });
  router.post('/documents/:resource', (req, res) => {
    const collection = sandbox.collection(req.params.resource);
    const documents = req.body;
    checkFields('the body', { documents }, DOCUMENTS_FIELDS);
    for (const document of documents) collection.put(document);
    res.json({ documents: documents.length });
  });
  router.post('/documents/:resource/with_object_ids', (req, res) => {
    const collection = sandbox.collection(req.params.resource);
    const documents = req.body;
    checkFields('the body', { documents }, DOCUMENTS_FIELDS);
    for (const document of documents) collection.put(withObjectIds(collection.resource, document));
    res.json({ documents: documents.length });
  });
  router.delete('/documents/:resource', (req, res) => {
    const collection = sandbox.collection(req.params.resource);
    const documents = collection.size;
    collection.clear();
    res.json({ documents });
  });
  router.delete('/documents/:resource/:id', (req, res) => {
    const { resource, id } = req.params;
    const wasThere = sandbox.collection(resource).remove(id);
    res.status(wasThere ? 200 : 404).json(wasThere ? { documents: 1 } : { error: `${resource} has no document ${id}` });
  });
}

function settingRoutes(router, sandbox) {
  router.get('/settings', (_req, res) => res.json(sandbox.settings));
  router.put('/settings', (req, res) => {
    sandbox.changeSettings(req.body);
    res.json(sandbox.settings);
  });
}

function castRoutes(router, sandbox) {
  router.post('/cast', (req, res) => {
    checkFields('the body', req.body, CAST_FIELDS);
    res.json(castsOf(sandbox.collection(req.body.resource), req.body.q));
  });
  router.get('/refusals', async (_req, res) => {
    const refusals = [];
    for (const some of refusalsOf(sandbox.log.entries(), (name) => sandbox.collection(name))) {
      refusals.push(...some);
      await setImmediate();
    }
    res.json(refusals);
  });
}

function faultRoutes(router, { faults }) {
  router.get('/faults', (_req, res) => res.json(faults.list()));
  router.post('/faults', (req, res) => res.json({ ids: faults.add([req.body].flat()) }));
  router.delete('/faults', (_req, res) => {
    faults.clear();
    res.json({});
  });
  router.delete('/faults/:id', (req, res) => {
    const wasThere = faults.remove(Number(req.params.id));
    res.status(wasThere ? 200 : 404).json(wasThere ? {} : { error: `there is no fault ${req.params.id}` });
  });
}

function* logLines(entries) {
  yield '[';
  for (const [index, entry] of entries.entries()) yield (index > 0 ? ',\n' : '') + JSON.stringify(entry);
  yield ']\n';
}

function* documentLines(snapshot, positions) {
  for (const position of positions) yield `${snapshot.text(position, EVERYTHING)}\n`;
}

function sendLines(res, type, lines) {
  res.type(type);
  return pipeline(Readable.from(inChunks(lines)), res);
}

async function* inChunks(lines) {
  let chunk = [];
  for (const line of lines) {
    if (chunk.push(line) < CHUNK_LINES) continue;
    yield chunk.join('');
    // A long answer to a fast client would let no other request in.
    await setImmediate();
    chunk = [];
  }
  yield chunk.join('');
}

/** Wrong input is the caller's to mend, so it is told what was wrong. */
function refuse(error, _req, res, next) {
  if (res.headersSent) return next(error);
  const status = error instanceof RangeError ? 400 : (error.status ?? 500);
  if (status === 500) console.error(error);
  return res.status(status).json({ error: error.message });
}
