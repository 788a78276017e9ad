/*
 * One request and its answer, from arrival to the last byte: the log entry, the faults, credentials,
 * the operation, errors. Every route of the API goes through here; the operations know nothing of it.
 */

import { text } from 'node:stream/consumers';

import { QueryError } from '../mongo/errors.js';
import { hasCredentials, isAccepted, parseCredentials, redacted } from './credentials.js';
import { deliver } from './delivery.js';
import { HttpError } from './errors.js';
import { FAULTS } from './faults.js';
import { parseQueryString } from './parameters.js';
import { errorReply } from './reply.js';

const WRITES = ['create', 'patch', 'replace', 'delete'];
const PARSED_PARAMETERS = ['q', 'group_by'];

/** What a client causes by leaving while it is heard or answered. */
const CLIENT_LEFT = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];

/** A request handler for the listener; handle(sandbox, call) makes the reply. */
export function exchange(sandbox, listener, kind, handle) {
  return async (req, res) => {
    const call = new Call(sandbox, listener, kind, req, res);
    try {
      await call.readBody();
      const rules = sandbox.faults.hitting(call);
      if (await isStopped(call, rules)) return;
      const reply = await decide(call, rules, handle);
      await deliver(call, altered(reply, rules));
      for (const rule of rules) FAULTS[rule.fault.type].after?.(rule.fault, call, rule);
    } catch (error) {
      if (!CLIENT_LEFT.includes(error.code)) console.error(error);
      call.cutOff();
    }
  };
}

class Call {
  #startedAt = performance.now();
  #isCutOff = false;

  constructor(sandbox, listener, kind, req, res) {
    const { id, dealer_id: dealerId, job_id: jobId } = req.params;
    const resource = req.params.resource ?? sandbox.jobs.get(jobId)?.resource;
    Object.assign(this, { sandbox, req, res, kind, id, dealerId, jobId, problem: null, body: '' });
    this.credentials = parseCredentials(sandbox.settings.auth);
    this.collection = sandbox.collections.get(resource);
    this.pageCap = sandbox.settings.page_cap;
    this.parameters = this.#readParameters();
    this.entry = {
      n: null,
      listener,
      method: req.method,
      path: decodedPath(req.originalUrl),
      raw_path: req.originalUrl,
      resource: this.collection ? resource : null,
      kind,
      query: loggedParameters(this.parameters),
      body: null,
      headers: redacted(req.headers, this.credentials),
      credentials: hasCredentials(req.headers, this.credentials),
      status: null,
      documents: null,
      bytes: 0,
      has_more: null,
      fault: null,
      started_at: new Date().toISOString(),
      ms: null,
    };
    sandbox.log.add(this.entry);
    res.on('close', () => this.#closed());
  }

  #readParameters() {
    try {
      return parseQueryString(this.req.originalUrl);
    } catch (error) {
      this.problem = error;
      return new Map();
    }
  }

  async readBody() {
    this.body = await text(this.req);
    if (this.body !== '') this.entry.body = parsedIfPossible(this.body);
  }

  /** The reply's headers are out. */
  replied({ documents, hasMore }) {
    this.entry.documents = documents;
    this.entry.has_more = hasMore;
  }

  /** Said before the last byte is sent, so that whoever has the whole reply finds the entry complete. */
  completed() {
    if (this.res.headersSent) this.entry.status = this.res.statusCode;
    this.entry.ms = Math.round((performance.now() - this.#startedAt) * 1000) / 1000;
  }

  /** Ends the connection on purpose. */
  cutOff() {
    this.#isCutOff = true;
    this.req.socket.destroy();
  }

  #closed() {
    if (this.entry.ms === null) this.completed();
    if (!this.res.writableFinished && !this.#isCutOff) this.entry.aborted = true;
  }
}

/** Lets the faults act that come before the answer; says whether one of them was the end of it. */
async function isStopped(call, rules) {
  call.entry.fault = rules[0]?.id ?? null;
  for (const { fault } of rules) {
    if ((await FAULTS[fault.type].before?.(fault, call)) === 'stop') return true;
    FAULTS[fault.type].request?.(fault, call);
  }
  return false;
}

async function decide(call, rules, handle) {
  const replacing = rules.find(({ fault }) => FAULTS[fault.type].instead);
  if (replacing) return FAULTS[replacing.fault.type].instead(replacing.fault);
  try {
    if (call.problem) throw call.problem;
    if (call.kind !== 'description') authorize(call);
    return await handle(call.sandbox, call);
  } catch (error) {
    return errorReply(statusOf(error, call.kind), error.message);
  }
}

const altered = (reply, rules) =>
  rules.reduce((previous, { fault }) => FAULTS[fault.type].alter?.(fault, previous) ?? previous, reply);

function authorize({ req, credentials, dealerId, sandbox }) {
  if (!isAccepted(req.headers, credentials)) {
    const message = hasCredentials(req.headers, credentials) ? 'Wrong login in the headers' : 'No login in the headers';
    throw new HttpError(401, message);
  }
  if (dealerId !== undefined && dealerId !== sandbox.dealerId) {
    throw new HttpError(403, `No access to the dealer ${dealerId}`);
  }
}

function statusOf(error, kind) {
  if (error instanceof HttpError) return error.status;
  if (error instanceof QueryError) return WRITES.includes(kind) ? 422 : 400;
  console.error(error);
  return 500;
}

function decodedPath(url) {
  const path = url.split('?', 1)[0];
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const loggedParameters = (parameters) =>
  Object.fromEntries(
    [...parameters].map(([name, value]) => [name, PARSED_PARAMETERS.includes(name) ? parsedIfPossible(value) : value]),
  );

/** What is no JSON stays text, and what is nested too deep to be written again. */
function parsedIfPossible(value) {
  try {
    const parsed = JSON.parse(value);
    JSON.stringify(parsed);
    return parsed;
  } catch {
    return value;
  }
}
