/*
 * Documents as the JSON texts in which they are sent. A generated document never changes, so its text
 * is kept, for each projection that was asked for, as long as there is room. Used by snapshot.js and
 * base.js.
 *
 * A list that has been read before is copied from here: no document is made for it, and none written.
 */

const MAX_BYTES = 768 * 1024 * 1024;
/** What a kept text takes beside its bytes, about. */
const OVERHEAD = 200;

/** What is sent of a document: all of it. The key names the projection among others. */
export const EVERYTHING = { key: '', apply: (document) => document };

export const textOf = (document, { apply }) => Buffer.from(JSON.stringify(apply(document)));

/** The texts of all resources, which share the room. When it is used up, keeping begins anew. */
export class KeptTexts {
  #shelves = new Map();
  #bytes = 0;
  #maxBytes;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get(resource, { key }, position) {
    return this.#shelves.get(`${resource} ${key}`)?.get(position);
  }

  keep(resource, { key }, position, text) {
    const bytes = text.length + OVERHEAD;
    if (this.#bytes + bytes > this.#maxBytes) this.#clear();
    this.#bytes += bytes;
    const name = `${resource} ${key}`;
    if (!this.#shelves.has(name)) this.#shelves.set(name, new Map());
    this.#shelves.get(name).set(position, text);
  }

  #clear() {
    this.#shelves.clear();
    this.#bytes = 0;
  }
}
