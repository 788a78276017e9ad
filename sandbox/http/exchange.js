/*
 * One request and its answer, from arrival to the last byte: the log entry, the faults, credentials,
 * the operation, errors. Every route of the API goes through here; the operations know nothing of it.
 */

import { text } from 'node:stream/consumers';

import { FilterError, ProgramError, QueryError } from '../mongo/errors.js';
import { resetConnection } from './connections.js';
import { hasCredentials, isAccepted, parseCredentials, redacted } from './credentials.js';
import { deliver } from './delivery.js';
import { encoded } from './encoding.js';
import { HttpError, NoDocument } from './errors.js';
import { FAULTS, INTERNAL_ERROR } from './faults.js';
import { parseQueryString } from './parameters.js';
import { errorReply, marked, NO_DOCUMENT } from './reply.js';

const WRITES = ['create', 'patch', 'replace', 'delete'];

/** What is answered to whoever asks: the description, and stored results to those who have their signature. */
const OPEN = ['description', 'stored'];
const PARSED_PARAMETERS = ['q', 'group_by'];

/** What a client causes by leaving while it is heard or answered. */
const CLIENT_LEFT = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_HTTP2_INVALID_STREAM'];

/** A request handler for a listener of listeners.js; handle(sandbox, call) makes the reply. */
export function exchange(sandbox, listener, kind, handle) {
  return async (req, res) => {
    const call = new Call(sandbox, listener, kind, req, res);
    try {
      await call.readBody();
      const refusal = listener.isOpen ? null : sandbox.rateLimiter.refusal();
      const rules = refusal ? [] : sandbox.faults.hitting(call);
      if (await isStopped(call, rules)) return;
      const reply = await altered(refusal ?? (await decide(call, rules, handle)), rules, 'alter');
      const sent = await encoded(reply, req, sandbox.settings.compress);
      await deliver(call, await altered(sent, rules, 'send'));
      for (const rule of rules) FAULTS[rule.fault.type].after?.(rule.fault, call, rule);
    } catch (error) {
      if (!CLIENT_LEFT.includes(error.code)) console.error(error);
      call.giveUp();
    }
  };
}

class Call {
  #startedAt = performance.now();
  #isCutOff = false;
  #connection;
  /** The client has left, or has all that it gets. */
  isClosed = false;

  constructor(sandbox, listener, kind, req, res) {
    const { id, dealer_id: dealerId, job_id: jobId } = req.params;
    const resource = req.params.resource ?? sandbox.jobs.get(jobId)?.resource;
    Object.assign(this, { sandbox, listener, req, res, kind, id, dealerId, jobId, problem: null, body: '' });
    this.#connection = sandbox.connections.of(req);
    if (this.#connection) this.#connection.requests++;
    this.credentials = parseCredentials(sandbox.settings.auth);
    this.collection = sandbox.collections.get(resource);
    this.pageCap = sandbox.settings.page_cap;
    this.jobChanges = [];
    this.parameters = this.#readParameters();
    this.entry = {
      n: null,
      listener: listener.name,
      connection: this.#connection?.connection ?? null,
      http_version: req.httpVersion,
      host: req.headers[':authority'] ?? req.headers.host ?? null,
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
      encoding: null,
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
  replied({ coding, documents, hasMore }) {
    this.entry.encoding = coding;
    this.entry.documents = documents;
    this.entry.has_more = hasMore;
  }

  /** Said before the last byte is sent, so that whoever has the whole reply finds the entry complete. */
  completed() {
    if (this.res.headersSent) this.entry.status = this.res.statusCode;
    this.entry.ms = Math.round((performance.now() - this.#startedAt) * 1000) / 1000;
  }

  /** Ends the connection on purpose, and with it all that HTTP/2 has on it, without a farewell. */
  cutOff() {
    this.#isCutOff = true;
    this.#connection?.socket.destroy();
    this.req.stream?.session?.destroy();
  }

  /** Breaks off rudely: a reset of the connection or, in HTTP/2, of this request's stream with a code. */
  reset(code) {
    this.#isCutOff = true;
    if (this.req.stream) this.req.stream.close(code);
    else if (this.#connection) resetConnection(this.#connection);
  }

  /** What is sent of an answer cannot be taken back; other streams of the connection go on. */
  giveUp() {
    if (this.req.stream) this.reset(INTERNAL_ERROR);
    else this.cutOff();
  }

  #closed() {
    this.isClosed = true;
    if (this.entry.ms === null) this.completed();
    const isWhole = this.req.stream ? !this.req.stream.aborted : this.res.writableFinished;
    if (!isWhole && !this.#isCutOff) this.entry.aborted = true;
  }
}

/** Lets the faults act that come before the answer; says whether one of them was the end of it. */
async function isStopped(call, rules) {
  call.entry.fault = rules[0]?.id ?? null;
  for (const { fault, end } of rules) {
    if ((await FAULTS[fault.type].before?.(fault, call, end.signal)) === 'stop') return true;
    FAULTS[fault.type].request?.(fault, call);
  }
  return false;
}

async function decide(call, rules, handle) {
  const replacing = rules.find(({ fault }) => FAULTS[fault.type].instead);
  if (replacing) return FAULTS[replacing.fault.type].instead(replacing.fault, call);
  const reply = await answer(call, handle);
  return call.sandbox.settings.byte_order_mark === 'sent' ? marked(reply) : reply;
}

async function answer(call, handle) {
  try {
    if (call.problem) throw call.problem;
    if (!OPEN.includes(call.kind) && !call.listener.isOpen) authorize(call);
    return await handle(call.sandbox, call);
  } catch (error) {
    const instead = error instanceof NoDocument && noDocument(call);
    return instead ? instead() : errorReply(statusOf(error, call), error.message);
  }
}

/** What a success says of a document that is not there; of a change that it could not make only null does. */
function noDocument({ kind, sandbox: { settings } }) {
  const isTold = kind === 'get' || settings.no_document.startsWith('null');
  return isTold ? NO_DOCUMENT[settings.no_document] : undefined;
}

/** What the faults that have the hook make of the reply, one after the other. */
async function altered(reply, rules, hook) {
  let result = reply;
  for (const { fault } of rules) result = (await FAULTS[fault.type][hook]?.(fault, result)) ?? result;
  return result;
}

function authorize({ req, credentials, dealerId, sandbox }) {
  if (!isAccepted(req.headers, credentials)) {
    const message = hasCredentials(req.headers, credentials) ? 'Wrong login in the headers' : 'No login in the headers';
    throw new HttpError(401, message);
  }
  if (dealerId !== undefined && dealerId !== sandbox.dealerId) {
    throw new HttpError(403, `No access to the dealer ${dealerId}`);
  }
}

function statusOf(error, { kind, sandbox }) {
  if (error instanceof HttpError) return error.status;
  if (error instanceof FilterError) return sandbox.settings.filter_status;
  if (error instanceof QueryError) return WRITES.includes(kind) ? 422 : 400;
  if (!(error instanceof ProgramError)) console.error(error);
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
