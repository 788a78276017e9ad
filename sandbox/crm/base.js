/*
 * The generated documents of one resource: they never change, so they are made when they are wanted
 * and made again when the cache has dropped them. Used by snapshot.js.
 */

import { LRUCache } from 'lru-cache';

import { lowerBound, positionsById } from './ids.js';

const CACHED_DOCUMENTS = 2000;

/** A document in the form that is sent and, made when needed, the one that filters see. */
export class Entry {
  #indexForm;
  #toIndexForm;

  constructor(document, toIndexForm) {
    this.document = document;
    this.#toIndexForm = toIndexForm;
  }

  get indexed() {
    this.#indexForm ??= this.#toIndexForm(this.document);
    return this.#indexForm;
  }
}

export class BaseDocuments {
  #dataset;
  #resource;
  #toIndexForm;
  #byId;
  #entries = new LRUCache({ max: CACHED_DOCUMENTS });

  /** Without a data set there are no documents. */
  constructor(resource, toIndexForm, dataset) {
    this.#resource = resource;
    this.#toIndexForm = toIndexForm;
    this.#dataset = dataset;
    this.count = dataset?.count(resource) ?? 0;
    this.idAt = (position) => dataset.id(resource, position);
  }

  makeEntry(document) {
    return new Entry(document, this.#toIndexForm);
  }

  entry(position) {
    let entry = this.#entries.get(position);
    if (!entry) {
      entry = this.makeEntry(this.#dataset.document(this.#resource, position));
      this.#entries.set(position, entry);
    }
    return entry;
  }

  get byId() {
    this.#byId ??= positionsById(this.count, this.idAt);
    return this.#byId;
  }

  find(id) {
    const position = this.byId[lowerBound(this.byId, this.idAt, id)];
    return position !== undefined && this.idAt(position) === id ? position : undefined;
  }
}
