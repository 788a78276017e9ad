/*
 * The routes of the service: the API's listener and the results host's.
 */

import express from 'express';

import { exchange } from './exchange.js';
import { HttpError } from './errors.js';
import * as operations from './operations.js';

const ROUTES = [
  ['get', '/.well-known/service-desc', 'description', operations.describe],
  ['get', '/dealers/:dealer_id/:resource', 'list', operations.listDocuments],
  ['get', '/dealers/:dealer_id/:resource/:id', 'get', operations.getDocument],
];

export function apiRouter(sandbox) {
  const router = express.Router({ caseSensitive: true });
  for (const [method, path, kind, handle] of ROUTES) router[method](path, exchange(sandbox, 'api', kind, handle));
  router.use(exchange(sandbox, 'api', 'other', operations.notFound));
  router.use(malformedRequest(sandbox, 'api'));
  return router;
}

export function resultsRouter(sandbox) {
  const router = express.Router({ caseSensitive: true });
  router.use(exchange(sandbox, 'results', 'other', operations.notFound));
  router.use(malformedRequest(sandbox, 'results'));
  return router;
}

/** What express itself refuses, such as a path with broken percent-encoding. */
function malformedRequest(sandbox, listener) {
  return (error, req, res, _next) =>
    exchange(sandbox, listener, 'other', () => {
      throw new HttpError(error.status ?? 500, error.message);
    })(req, res);
}
