/*
 * The routes of the service: the API's and the results host's. Used by listeners.js.
 */

import express from 'express';

import { exchange } from './exchange.js';
import { HttpError } from './errors.js';
import * as operations from './operations.js';
import * as writes from './writes.js';

const DOCUMENTS = '/dealers/:dealer_id/:resource';
const DOCUMENT = `${DOCUMENTS}/:id`;

/** Method, path, kind in the log, operation. The first that fits counts. */
export const API_ROUTES = [
  ['get', '/.well-known/service-desc', 'description', operations.describe],
  ['get', '/dealers/:dealer_id/deferredrequests/:job_id', 'job', operations.pollJob],
  ['get', `${DOCUMENTS}/all`, 'all', operations.startJob],
  ['get', DOCUMENTS, 'list', operations.listDocuments],
  ['post', DOCUMENTS, 'create', writes.createDocument],
  ['get', DOCUMENT, 'get', operations.getDocument],
  ['patch', DOCUMENT, 'patch', writes.patchDocument],
  ['put', DOCUMENT, 'replace', writes.replaceDocument],
  ['delete', DOCUMENT, 'delete', writes.deleteDocument],
];

export const RESULTS_ROUTES = [['get', '/services/s3/dealers/:dealer_id/:job_id', 'results', operations.sendResults]];

export const STORAGE_ROUTES = [['get', '/crm-exports/:dealer_id/:job_id.json', 'stored', operations.sendStored]];

/** Those of the routes that a listener, as listeners.js makes it, has. */
export function makeRouter(sandbox, listener, routes) {
  const router = express.Router({ caseSensitive: true });
  for (const [method, path, kind, handle] of routes) router[method](path, exchange(sandbox, listener, kind, handle));
  router.use(exchange(sandbox, listener, 'other', operations.notFound));
  router.use(malformedRequest(sandbox, listener));
  return router;
}

/** What express itself refuses, such as a path with broken percent-encoding. */
function malformedRequest(sandbox, listener) {
  return (error, req, res, _next) =>
    exchange(sandbox, listener, 'other', () => {
      throw new HttpError(error.status ?? 500, error.message);
    })(req, res);
}
