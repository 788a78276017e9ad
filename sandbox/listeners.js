/*
 * The listeners of the sandbox: the API with its control surface, the results host, the storage host, all again over
 * TLS, and any number of hosts that should not be asked at all. Started by server.js and by the tests.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';

import express from 'express';

import { API_ROUTES, makeRouter, RESULTS_ROUTES, STORAGE_ROUTES } from './http/api.js';
import { controlRouter } from './http/control.js';

/** Room for an id of 10 kB in the URL, percent-encoded. */
const MAX_HEADER_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 60_000;
/** In MB. What one connection's streams may hold: a hundred whole pages and more. */
const MAX_SESSION_MEMORY = 1000;

/**
 * Starts all and gives a Map of {name, url, resultsUrl, storageUrl, isOpen, server} by name. resultsUrl is
 * where jobs that were asked for here have their results, storageUrl where results redirect to; an open listener asks nobody for credentials.
 *
 * tls: {cert, key}, or null for no listeners over TLS; extra: [{name, host, port, isSecure}].
 */
export async function startListeners(sandbox, { host = '127.0.0.1', port = 0, resultsPort = 0, tls = null, extra = [] } = {}) {
  const api = { host, routes: API_ROUTES };
  const results = { host, routes: RESULTS_ROUTES };
  const storage = { host, routes: STORAGE_ROUTES };
  const everything = [...API_ROUTES, ...RESULTS_ROUTES, ...STORAGE_ROUTES];
  const plans = [
    { ...api, name: 'api', port, results: 'results', control: controlRouter(sandbox) },
    { ...results, name: 'results', port: resultsPort, storage: 'storage' },
    { ...storage, name: 'storage' },
    ...(tls ? overTls({ api, results, storage }, tls) : []),
    ...extra.map(({ isSecure, ...plan }) => ({ ...plan, tls: isSecure && tls, routes: everything, isOpen: true })),
  ];
  const listeners = new Map();
  for (const plan of plans) listeners.set(plan.name, await start(sandbox, plan));
  for (const { name, results: resultsName = name, storage: storageName = name } of plans) {
    Object.assign(listeners.get(name), { resultsUrl: listeners.get(resultsName).url, storageUrl: listeners.get(storageName).url });
  }
  return listeners;
}

const overTls = ({ api, results, storage }, tls) => [
  { ...api, name: 'api_tls', tls, results: 'results_tls' },
  { ...results, name: 'results_tls', tls, storage: 'storage_tls' },
  { ...storage, name: 'storage_tls', tls },
];

async function start(sandbox, { name, host, port = 0, tls, routes, control, isOpen = false }) {
  const listener = { name, isOpen };
  const app = makeApp(makeRouter(sandbox, listener, routes), control);
  listener.server = tls ? secureServer(tls, app) : createServer({ maxHeaderSize: MAX_HEADER_BYTES }, app);
  listener.server.keepAliveTimeout = KEEP_ALIVE_MS;
  sandbox.connections.watch(listener.server, name);
  listener.server.listen(port, host);
  await once(listener.server, 'listening');
  listener.url = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${listener.server.address().port}`;
  return listener;
}

/** HTTP/2, and HTTP/1.1 for who does not offer to speak it. */
function secureServer(tls, app) {
  const server = createSecureServer(
    { ...tls, allowHTTP1: true, maxSessionMemory: MAX_SESSION_MEMORY, settings: { maxHeaderListSize: MAX_HEADER_BYTES } },
    app,
  );
  server.maxHeaderSize = MAX_HEADER_BYTES;
  return server;
}

/** The service's router stands alone: an application of express takes no requests of HTTP/2. */
function makeApp(service, control) {
  const router = express.Router({ caseSensitive: true });
  if (control) router.use('/_sandbox', controlApp(control));
  router.use(service);
  return (req, res) => router(req, res, (error) => req.destroy(error));
}

function controlApp(control) {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  app.use(control);
  return app;
}
