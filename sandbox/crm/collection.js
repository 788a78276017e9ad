/*
 * The documents of one resource, as they are now. Used by the operations of the API, by jobs and by
 * the control surface.
 *
 * Readers get a snapshot. A snapshot that was handed out is never changed: the next write works on
 * a copy of it. Writes that follow each other without a reader between them share one.
 */

import { BaseDocuments } from './base.js';
import { Snapshot } from './snapshot.js';

export class Collection {
  #generated;
  #current;
  #isHandedOut = false;
  #texts;

  /** kinds: the resource's ResourceKinds; texts: a KeptTexts for what is sent of the generated documents. */
  constructor(resource, kinds, texts, dataset) {
    this.resource = resource;
    this.kinds = kinds;
    this.#texts = texts;
    this.#generated = this.#makeBase(dataset);
    this.restore();
  }

  snapshot() {
    this.#isHandedOut = true;
    return this.#current;
  }

  get size() {
    return this.#current.size;
  }

  /** The document with this id, or undefined. It must not be changed. */
  get(id) {
    const position = this.#current.find(id);
    return position === undefined ? undefined : this.#current.entry(position).document;
  }

  /** Inserts the document, or replaces the one with its id. */
  put(document) {
    this.#writable().put(document);
  }

  /** Says whether there was such a document. */
  remove(id) {
    const position = this.#current.find(id);
    if (position === undefined) return false;
    this.#writable().remove(position);
    return true;
  }

  clear() {
    this.#current = new Snapshot(this.#makeBase());
    this.#isHandedOut = false;
  }

  /** Back to the generated documents, as if nothing had been written. */
  restore() {
    this.#current = new Snapshot(this.#generated);
    this.#isHandedOut = false;
  }

  #makeBase(dataset) {
    return new BaseDocuments(this.resource, this.kinds, this.#texts, dataset);
  }

  #writable() {
    if (this.#isHandedOut) this.#current = this.#current.clone();
    this.#isHandedOut = false;
    return this.#current;
  }
}
