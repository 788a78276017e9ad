/*
 * The documents of one resource at one moment: generated ones, and what was changed since.
 * Made and changed by collection.js alone; read by cursors, which may go on reading while the
 * collection moves on to its next snapshot.
 *
 * A document is named by its position: generated ones come first, in insertion order, then those
 * that were added. Orders are arrays of positions, made when asked for and kept with the snapshot.
 */

import { LRUCache } from 'lru-cache';

import { isObjectIdText } from '../mongo/object_id.js';
import { compareStrings } from '../mongo/order.js';
import { compileSort } from '../mongo/sort.js';
import { lowerBound } from './ids.js';
import { inSlices } from './slices.js';
import { textOf } from './texts.js';

const CACHED_ORDERS = 8;
const CACHED_CURSORS = 32;

export class Snapshot {
  #base;
  /** Generated documents that were replaced (an entry) or removed (null), by position. */
  #changed = new Map();
  /** Added documents; null where one was removed again. */
  #added = [];
  #addedPositions = new Map();
  #orders = new LRUCache({ max: CACHED_ORDERS });
  cursors = new LRUCache({ max: CACHED_CURSORS });

  constructor(base) {
    this.#base = base;
    this.size = base.count;
  }

  clone() {
    const copy = new Snapshot(this.#base);
    copy.#changed = new Map(this.#changed);
    copy.#added = this.#added.slice();
    copy.#addedPositions = new Map(this.#addedPositions);
    copy.size = this.size;
    return copy;
  }

  /** The entry at a position, or null where the document was removed. */
  entry(position) {
    if (position >= this.#base.count) return this.#added[position - this.#base.count];
    const changed = this.#changed.get(position);
    return changed === undefined ? this.#base.entry(position) : changed;
  }

  /** The text of the document at a position under a projection, as texts.js knows them. */
  text(position, projection) {
    const isGenerated = position < this.#base.count && !this.#changed.has(position);
    return isGenerated ? this.#base.text(position, projection) : textOf(this.entry(position).document, projection);
  }

  find(id) {
    const position = this.#place(id);
    return position !== undefined && this.#isPresent(position) ? position : undefined;
  }

  /** Inserts or replaces. A generated document that was removed returns to its old place. */
  put(document) {
    const entry = this.#base.makeEntry(document);
    const position = this.#place(document._id);
    if (position === undefined) {
      this.#addedPositions.set(document._id, this.#base.count + this.#added.length);
      this.#added.push(entry);
      this.size++;
      return;
    }
    if (!this.#isPresent(position)) this.size++;
    this.#set(position, entry);
  }

  remove(position) {
    if (position >= this.#base.count) this.#addedPositions.delete(this.idAt(position));
    this.#set(position, null);
    this.size--;
  }

  idAt(position) {
    return position < this.#base.count ? this.#base.idAt(position) : this.entry(position).document._id;
  }

  /** All positions in insertion order. */
  byInsertion() {
    return this.#kept('insertion', () => {
      const total = this.#base.count + this.#added.length;
      return Uint32Array.from({ length: total }, (_, position) => position).filter((position) =>
        this.#isPresent(position),
      );
    });
  }

  /** All positions ordered by id. */
  byId() {
    if (this.#changed.size === 0 && this.#added.length === 0) return this.#base.byId;
    return this.#kept('id', () => {
      const idAt = (position) => this.idAt(position);
      const added = [...this.#addedPositions.values()].sort((a, b) => compareStrings(idAt(a), idAt(b)));
      return merge(
        this.#base.byId.filter((position) => this.#isPresent(position)),
        added,
        idAt,
      );
    });
  }

  /** Whether byId() is the order of the _ids where these are ObjectIds: strings among them would come first. */
  get hasOnlyObjectIds() {
    return this.#base.hasOnlyObjectIds && [...this.#addedPositions.keys()].every(isObjectIdText);
  }

  /** Index in byId() of the first document whose id is not below the given one, or above it with `after`. */
  indexOfId(id, after = false) {
    const positions = this.byId();
    const index = lowerBound(positions, (position) => this.idAt(position), id);
    return after && index < positions.length && this.idAt(positions[index]) === id ? index + 1 : index;
  }

  /** All positions ordered by a sort; a promise, because a large resource takes its time. */
  sorted(sort, { ids, collation }) {
    return this.#kept(JSON.stringify([sort, ids, collation]), () => this.sortPositions(this.byInsertion(), sort, { ids, collation }));
  }

  /** Positions in insertion order, put into the order of a sort, which sees ids and texts as the kind of service does. */
  async sortPositions(positions, sort, { ids, collation }) {
    const { keyOf, compare } = compileSort(sort, collation);
    const keys = new Array(positions.length);
    let next = 0;
    await inSlices(() => {
      if (next === positions.length) return false;
      keys[next] = keyOf(this.entry(positions[next]).indexed(ids));
      return ++next > 0;
    });
    const indexes = Uint32Array.from({ length: positions.length }, (_, index) => index);
    indexes.sort((a, b) => compare(keys[a], keys[b]) || a - b);
    return indexes.map((index) => positions[index]);
  }

  #kept(name, make) {
    if (!this.#orders.has(name)) this.#orders.set(name, make());
    return this.#orders.get(name);
  }

  /** Where the document with this id is, or was. */
  #place(id) {
    return this.#addedPositions.get(id) ?? this.#base.find(id);
  }

  #isPresent(position) {
    return position < this.#base.count
      ? this.#changed.get(position) !== null
      : this.#added[position - this.#base.count] !== null;
  }

  #set(position, entry) {
    if (position < this.#base.count) this.#changed.set(position, entry);
    else this.#added[position - this.#base.count] = entry;
  }
}

/** Two lists of positions, each ordered by id, as one. Most are in the first, and copied in long stretches. */
function merge(many, few, idAt) {
  const merged = new Uint32Array(many.length + few.length);
  let from = 0;
  few.forEach((position, index) => {
    const to = lowerBound(many, idAt, idAt(position));
    merged.set(many.subarray(from, to), from + index);
    merged[to + index] = position;
    from = to;
  });
  merged.set(many.subarray(from), from + few.length);
  return merged;
}
