/*
 * The matches of one query in one snapshot, found as far as they are asked for.
 * Made by find.js and kept with the snapshot, so that the next page goes on where the last ended.
 */

import { inSlices } from './slices.js';

export class Cursor {
  #candidates;
  #test;
  #matches = [];
  #next = 0;

  /**
   * candidates: {length, at(index)} gives the positions to look at, in the order of the answer.
   * test: whether the document at a position matches; null when every candidate does.
   */
  constructor(candidates, test) {
    this.#candidates = candidates;
    this.#test = test;
  }

  /** Positions of the matches from `skip` on, at most `count`. */
  async positions(skip, count) {
    if (!this.#test) return range(this.#candidates, skip, count);
    await this.#find(skip + count);
    return this.#matches.slice(skip, skip + count);
  }

  /** Number of matches; looks at every candidate. */
  async count() {
    if (!this.#test) return this.#candidates.length;
    await this.#find(Infinity);
    return this.#matches.length;
  }

  /** Several callers may look for more at the same time: each step is one candidate. */
  #find(count) {
    return inSlices(() => {
      if (this.#matches.length >= count || this.#next >= this.#candidates.length) return false;
      const position = this.#candidates.at(this.#next++);
      if (this.#test(position)) this.#matches.push(position);
      return true;
    });
  }
}

function range(candidates, skip, count) {
  const length = Math.max(0, Math.min(count, candidates.length - skip));
  return Array.from({ length }, (_, index) => candidates.at(skip + index));
}
