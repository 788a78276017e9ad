/*
 * The generated documents of one resource: they never change, so they are made when they are wanted
 * and made again when the cache has dropped them. Used by snapshot.js.
 */

import { LRUCache } from 'lru-cache';

import { isObjectIdText } from '../mongo/object_id.js';
import { lowerBound, positionsById } from './ids.js';
import { EVERYTHING, textOf } from './texts.js';

const CACHED_DOCUMENTS = 2000;

/** A document in the form that is sent and, made when needed, those that filters see. */
export class Entry {
  #kinds;
  #indexForms = {};

  constructor(document, kinds) {
    this.document = document;
    this.#kinds = kinds;
  }

  /** ids: how the service has ids, as kinds.js knows it. */
  indexed(ids) {
    this.#indexForms[ids] ??= this.#kinds.indexForm(ids, this.document);
    return this.#indexForms[ids];
  }
}

export class BaseDocuments {
  #dataset;
  #resource;
  #kinds;
  #byId;
  #hasOnlyObjectIds;
  #entries = new LRUCache({ max: CACHED_DOCUMENTS });
  #texts;

  /** Without a data set there are no documents. texts: a KeptTexts, which other resources may share. */
  constructor(resource, kinds, texts, dataset) {
    this.#resource = resource;
    this.#kinds = kinds;
    this.#texts = texts;
    this.#dataset = dataset;
    this.count = dataset?.count(resource) ?? 0;
    this.idAt = (position) => dataset.id(resource, position);
  }

  makeEntry(document) {
    return new Entry(document, this.#kinds);
  }

  entry(position) {
    let entry = this.#entries.get(position);
    if (!entry) {
      entry = this.makeEntry(this.#makeDocument(position));
      this.#entries.set(position, entry);
    }
    return entry;
  }

  /** The document's text under a projection. */
  text(position, projection) {
    let text = this.#texts.get(this.#resource, projection, position);
    if (!text) {
      text = textOf(this.#documentOnce(position), projection);
      this.#texts.keep(this.#resource, projection, position, text);
    }
    return text;
  }

  /** A scan of more than the cache holds would fill it with what nobody finds there. */
  #documentOnce(position) {
    const isCached = this.count <= CACHED_DOCUMENTS || this.#entries.has(position);
    return isCached ? this.entry(position).document : this.#makeDocument(position);
  }

  /** To read it again is cheaper than to make it again. */
  #makeDocument(position) {
    const text = this.#texts.get(this.#resource, EVERYTHING, position);
    return text ? JSON.parse(text) : this.#dataset.document(this.#resource, position);
  }

  get byId() {
    this.#byId ??= positionsById(this.count, this.idAt);
    return this.#byId;
  }

  /** Whether every _id is the text of an ObjectId. */
  get hasOnlyObjectIds() {
    this.#hasOnlyObjectIds ??= this.#areAllObjectIds();
    return this.#hasOnlyObjectIds;
  }

  #areAllObjectIds() {
    for (let position = 0; position < this.count; position++) {
      if (!isObjectIdText(this.idAt(position))) return false;
    }
    return true;
  }

  find(id) {
    const position = this.byId[lowerBound(this.byId, this.idAt, id)];
    return position !== undefined && this.idAt(position) === id ? position : undefined;
  }
}
