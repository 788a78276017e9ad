/*
 * The faults that a test can ask for: what each does to a request and its answer.
 * Used by exchange.js, which calls the hooks, and by rules.js, which checks what a test asks for.
 *
 * A fault has fields, and any of these hooks:
 *   before(fault, call, end)     runs before the request is handled; 'stop' ends it unhandled. The signal end
 *                                tells that the test took the fault away
 *   request(fault, call)         changes what the operation will see
 *   instead(fault, call)         gives a reply, and the request is not handled
 *   alter(fault, reply)          changes the reply, or promises to
 *   send(fault, reply)           the same, after it was compressed
 *   after(fault, call, rule)     runs when the reply was sent
 */

import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { byResource, documentCheck, flag, fraction, header, integer, listOf, object, oneOf, optional, text } from './checks.js';
import { mutate, randomChange } from './mutation.js';
import { RETRY_AFTER_FORMS, retryAfter } from './rate.js';
import { errorReply, makeReply, whole } from './reply.js';

const IGNORABLE = ['q', 'search', 'sort', 'project', 'skip', 'limit', 'group_by'];

const status = integer(200, 599);

/** Of HTTP/2's codes. */
export const INTERNAL_ERROR = 2;
const MAX_CODE = 13;
const ARRIVAL_MS = 50;

export const FAULTS = {
  latency: {
    fields: { ms: integer(0) },
    // As in life, the request is handled even when the client does not wait for it.
    before: ({ ms }) => setTimeout(ms),
  },
  hold: {
    fields: {},
    before: async (_fault, _call, end) => {
      if (!end.aborted) await once(end, 'abort');
    },
  },
  hang: {
    fields: {},
    before: async (_fault, { res, isClosed }) => {
      if (!isClosed) await once(res, 'close');
      return 'stop';
    },
  },
  close: {
    fields: { when: oneOf('before', 'during', 'after', 'announced'), bytes: optional(integer(0)) },
    before: ({ when }, call) => (when === 'before' ? cutBefore(call, cutOff) : undefined),
    send: ({ when, bytes }, reply) => (when === 'during' ? cutDuring(reply, bytes, cutOff) : { ...reply, closes: when }),
  },
  reset: {
    fields: { when: oneOf('before', 'during'), bytes: optional(integer(0)), code: optional(integer(0, MAX_CODE)) },
    before: ({ when, code }, call) => (when === 'before' ? cutBefore(call, reset(code)) : undefined),
    send: ({ when, bytes, code }, reply) => (when === 'during' ? cutDuring(reply, bytes, lateReset(code)) : reply),
  },
  status: {
    fields: {
      status,
      error: optional(text),
      retry_after: optional(header),
      retry_after_form: optional(oneOf(...RETRY_AFTER_FORMS)),
      body: optional(text),
    },
    instead: statusReply,
  },
  redirect: {
    fields: { location: text, status: optional(status) },
    instead: redirectReply,
  },
  reply: {
    fields: {
      status: optional(status),
      headers: optional(object),
      body: optional(text),
      body_base64: optional(text),
    },
    instead: cannedReply,
  },
  ignore: {
    fields: Object.fromEntries(IGNORABLE.map((name) => [name, optional(flag)])),
    request: ignoreParameters,
  },
  page_cap: {
    fields: { value: integer(1) },
    request: ({ value }, call) => {
      call.pageCap = value;
    },
  },
  miscount: {
    fields: { drop: optional(integer(0)), repeat: optional(integer(0)) },
    request: ({ drop, repeat }, call) => Object.assign(call, { dropped: drop, repeated: repeat }),
  },
  job_answer: {
    fields: { when: optional(text), fields: object },
    request: ({ when, fields }, call) => call.jobChanges.push({ when, fields }),
  },
  truncate: {
    fields: { at: optional(fraction) },
    send: ({ at = 0.5 }, reply) => whole(reply, (body) => body.subarray(0, Math.floor(body.length * at))),
  },
  invalid_json: {
    fields: { text: optional(text) },
    alter: (fault, reply) =>
      whole(reply, (body) => Buffer.from(fault.text ?? body.toString().replace(/.$/s, '}'))),
  },
  content_type: {
    fields: { value: text },
    alter: ({ value }, reply) => withHeader(reply, 'Content-Type', value),
  },
  has_more: {
    fields: { value: oneOf('missing', 'true', 'false') },
    alter: ({ value }, reply) => ({
      ...withHeader(reply, 'MAPP-has-more', value === 'missing' ? undefined : value),
      hasMore: value === 'missing' ? null : value === 'true',
    }),
  },
  slow: {
    fields: { bytes: integer(1), ms: integer(0) },
    send: ({ bytes, ms }, reply) => ({ ...reply, pace: { bytes, ms } }),
  },
  mutate: {
    fields: {
      insert: optional(byResource(listOf(documentCheck))),
      delete: optional(byResource(listOf(text))),
      random: optional(randomChange),
    },
    after: mutate,
  },
};

const cutOff = (call) => call.cutOff();
const reset = (code = INTERNAL_ERROR) => (call) => call.reset(code);

/** A reset overtakes what was sent before it: that needs time to arrive. */
const lateReset = (code) => async (call) => {
  await setTimeout(ARRIVAL_MS);
  reset(code)(call);
};

function cutBefore(call, cut) {
  cut(call);
  return 'stop';
}

/** After so many bytes; without a number after half of them, for which all must be there. */
async function cutDuring(reply, bytes, cut) {
  return { ...(bytes === undefined ? await whole(reply) : reply), closes: 'during', cutAfter: bytes, cut };
}

function statusReply(fault) {
  const reply = errorReply(fault.status, fault.error ?? `the sandbox was told to answer ${fault.status}`);
  const answer = fault.body === undefined ? reply : { ...reply, chunks: [Buffer.from(fault.body)] };
  const { retry_after: wait, retry_after_form: form } = fault;
  if (wait === undefined) return answer;
  return withHeader(answer, 'Retry-After', typeof wait === 'number' ? retryAfter(wait * 1000, form) : wait);
}

function redirectReply(fault, { req }) {
  const Location = fault.location.replace('{url}', () => req.originalUrl);
  return makeReply(fault.status ?? 302, { Location }, '');
}

function cannedReply(fault) {
  const body = fault.body_base64 === undefined ? (fault.body ?? '') : Buffer.from(fault.body_base64, 'base64');
  return makeReply(fault.status ?? 200, fault.headers ?? {}, body, { isCanned: true });
}

/** Without `limit` there is no cap either: everything that matches is sent. */
function ignoreParameters({ type, ...names }, call) {
  for (const name of Object.keys(names)) call.parameters.delete(name);
  if (names.limit) call.pageCap = Infinity;
}

function withHeader(reply, name, value) {
  const { [name]: _previous, ...others } = reply.headers;
  return { ...reply, headers: value === undefined ? others : { ...others, [name]: value } };
}
