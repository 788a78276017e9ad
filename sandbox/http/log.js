/*
 * The log of requests to the API, which tests assert on. Written by exchange.js, read and emptied
 * through the control surface. It never holds what was answered, only how much.
 */

const KEPT = 200_000;

export class RequestLog {
  #entries = [];
  #count = 0;

  /** Adds an entry, which its request completes when it ends. */
  add(entry) {
    this.#entries.push(Object.assign(entry, { n: ++this.#count }));
    // Dropping the oldest in bulk keeps this cheap.
    if (this.#entries.length > KEPT * 1.25) this.#entries = this.#entries.slice(-KEPT);
  }

  clear() {
    this.#entries = [];
    this.#count = 0;
  }

  /** The last requests, oldest first. */
  entries() {
    return this.#entries.slice(-KEPT);
  }
}
