/*
 * The limit on requests a second (the setting `rate_limit`), and how a client is told when to come
 * again. Kept by the sandbox, asked by exchange.js for every request.
 */

import { checkFields, integer, oneOf, optional, parsedBy } from './checks.js';
import { errorReply } from './reply.js';

export const RETRY_AFTER_FORMS = ['seconds', 'date'];

const FIELDS = {
  per_second: { expected: 'a number above 0', accepts: (value) => Number.isFinite(value) && value > 0 },
  burst: optional(integer(1)),
  retry_after: optional(oneOf(...RETRY_AFTER_FORMS, 'none')),
};

export const rateLimit = parsedBy(
  (value) => value === null || checkFields('rate_limit', value, FIELDS),
  'null or {per_second, burst, retry_after: "seconds", "date" or "none"}',
);

/** A Retry-After header for a time from now; a date has whole seconds, so the time may be up to one longer. */
export function retryAfter(ms, form = 'seconds') {
  if (form === 'seconds') return String(Math.ceil(ms / 1000));
  return new Date(Math.ceil((Date.now() + ms) / 1000) * 1000).toUTCString();
}

/** A token bucket: `burst` requests at once, and then as many as come with time. */
export class RateLimiter {
  #limit;
  #tokens;
  #filledAt;

  /** limit: the setting; null lets everything through. now: milliseconds of a clock. */
  constructor(limit, now = performance.now()) {
    this.#limit = limit && { burst: 1, retry_after: 'seconds', ...limit };
    this.#tokens = this.#limit?.burst;
    this.#filledAt = now;
  }

  /** A refusal, or null for a request that may pass. */
  refusal(now = performance.now()) {
    if (!this.#limit) return null;
    const { per_second, burst, retry_after } = this.#limit;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * per_second);
    this.#filledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return null;
    }
    const reply = errorReply(429, `no more than ${per_second} requests a second`);
    if (retry_after !== 'none') reply.headers['Retry-After'] = retryAfter(((1 - this.#tokens) / per_second) * 1000, retry_after);
    return reply;
  }
}
