/*
 * The two listeners of the sandbox: the API with its control surface, and the results host.
 * Started by server.js and by the tests.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

import express from 'express';

import { apiRouter, resultsRouter } from './http/api.js';
import { controlRouter } from './http/control.js';

/** Room for an id of 10 kB in the URL, percent-encoded. */
const MAX_HEADER_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 60_000;

/** Starts both, tells the sandbox where they are, and gives the two servers. */
export async function startListeners(sandbox, { host = '127.0.0.1', port = 0, resultsPort = 0 } = {}) {
  const api = makeApp({ '/_sandbox': controlRouter(sandbox), '/': apiRouter(sandbox) });
  const results = makeApp({ '/': resultsRouter(sandbox) });
  const servers = [await listen(api, host, port), await listen(results, host, resultsPort)];
  [sandbox.endpoint, sandbox.resultsEndpoint] = servers.map((server) => urlOf(server, host));
  return servers;
}

async function listen(app, host, port) {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, app);
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

const urlOf = (server, host) => `http://${host.includes(':') ? `[${host}]` : host}:${server.address().port}`;

function makeApp(routers) {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  for (const [path, router] of Object.entries(routers)) app.use(path, router);
  return app;
}
