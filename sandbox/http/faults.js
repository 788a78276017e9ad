/*
 * The faults that a test can ask for: what each does to a request and its answer.
 * Used by exchange.js, which calls the hooks, and by rules.js, which checks what a test asks for.
 *
 * A fault has fields, and any of these hooks:
 *   before(fault, call)          runs before the request is handled; 'stop' ends it unhandled
 *   request(fault, call)         changes what the operation will see
 *   instead(fault)               gives a reply, and the request is not handled
 *   alter(fault, reply)          changes the reply
 *   after(fault, call, rule)     runs when the reply was sent
 */

import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { mutate } from './mutation.js';
import { errorReply, makeReply, whole } from './reply.js';

const ALTERABLE_PARAMETERS = ['q', 'search', 'sort', 'project', 'skip', 'limit', 'group_by'];

const is = (type) => (value) => typeof value === type;
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isAtLeast1 = (value) => Number.isInteger(value) && value >= 1;
const isStatus = (value) => Number.isInteger(value) && value >= 200 && value <= 599;
const isFraction = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const isOneOf = (...values) => (value) => values.includes(value);
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTrue = (value) => value === true;
const optional = (test) => Object.assign((value) => test(value), { optional: true });

export const FAULTS = {
  latency: {
    fields: { ms: isCount },
    // As in life, the request is handled even when the client does not wait for it.
    before: ({ ms }) => setTimeout(ms),
  },
  hang: {
    fields: {},
    before: async (_fault, { res }) => {
      if (!res.destroyed) await once(res, 'close');
      return 'stop';
    },
  },
  close: {
    fields: { when: isOneOf('before', 'during', 'after') },
    before: closeBefore,
    alter: ({ when }, reply) => ({ ...(when === 'during' ? whole(reply) : reply), closes: when }),
  },
  status: {
    fields: {
      status: isStatus,
      error: optional(is('string')),
      retry_after: optional((value) => isCount(value) || typeof value === 'string'),
      body: optional(is('string')),
    },
    instead: statusReply,
  },
  redirect: {
    fields: { location: is('string'), status: optional(isStatus) },
    instead: ({ location, status = 302 }) => makeReply(status, { Location: location }, ''),
  },
  reply: {
    fields: {
      status: optional(isStatus),
      headers: optional(isObject),
      body: optional(is('string')),
      body_base64: optional(is('string')),
    },
    instead: ({ status = 200, headers = {}, body = '', body_base64 }) =>
      makeReply(status, headers, body_base64 === undefined ? body : Buffer.from(body_base64, 'base64')),
  },
  ignore: {
    fields: Object.fromEntries(ALTERABLE_PARAMETERS.map((name) => [name, optional(isTrue)])),
    request: ignoreParameters,
  },
  page_cap: {
    fields: { value: isAtLeast1 },
    request: ({ value }, call) => {
      call.pageCap = value;
    },
  },
  truncate: {
    fields: { at: optional(isFraction) },
    alter: ({ at = 0.5 }, reply) => withBody(reply, (body) => body.subarray(0, Math.floor(body.length * at))),
  },
  invalid_json: {
    fields: { text: optional(is('string')) },
    alter: ({ text }, reply) =>
      withBody(reply, (body) => Buffer.from(text ?? body.toString().replace(/.$/s, '}'))),
  },
  content_type: {
    fields: { value: is('string') },
    alter: ({ value }, reply) => withHeader(reply, 'Content-Type', value),
  },
  has_more: {
    fields: { value: isOneOf('missing', 'true', 'false') },
    alter: ({ value }, reply) => ({
      ...withHeader(reply, 'MAPP-has-more', value === 'missing' ? undefined : value),
      hasMore: value === 'missing' ? null : value === 'true',
    }),
  },
  slow: {
    fields: { bytes: isAtLeast1, ms: isCount },
    alter: ({ bytes, ms }, reply) => ({ ...reply, pace: { bytes, ms } }),
  },
  mutate: {
    fields: { insert: optional(isObject), delete: optional(isObject), random: optional(isObject) },
    after: mutate,
  },
};

function closeBefore({ when }, call) {
  if (when !== 'before') return undefined;
  call.cutOff();
  return 'stop';
}

function statusReply({ status, error, retry_after, body }) {
  const reply = errorReply(status, error ?? `the sandbox was told to answer ${status}`);
  const answered = body === undefined ? reply : withBody(reply, () => Buffer.from(body));
  return retry_after === undefined ? answered : withHeader(answered, 'Retry-After', String(retry_after));
}

/** Without `limit` there is no cap either: everything that matches is sent. */
function ignoreParameters({ type, ...names }, call) {
  for (const name of Object.keys(names)) call.parameters.delete(name);
  if (names.limit) call.pageCap = Infinity;
}

function withBody(reply, change) {
  const [body] = whole(reply).chunks;
  return { ...reply, chunks: [change(body)], isWhole: true };
}

function withHeader(reply, name, value) {
  const { [name]: _previous, ...others } = reply.headers;
  return { ...reply, headers: value === undefined ? others : { ...others, [name]: value } };
}
