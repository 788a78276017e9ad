/*
 * The matches of one query in one snapshot, found as far as they are asked for.
 * Made by find.js and kept with the snapshot, so that the next page goes on where the last ended.
 */

import { inSlices } from './slices.js';

export class Cursor {
  #findCandidates;
  #candidates;
  #test;
  #matches = [];
  #next = 0;

  /**
   * findCandidates() gives, or promises, the positions to look at in the order of the answer, as
   * {length, at(index)}; it is called when the first match is wanted.
   * test(position) says whether the document there matches; null when every candidate does.
   */
  constructor(findCandidates, test) {
    this.#findCandidates = findCandidates;
    this.#test = test;
  }

  /** Positions of the matches from `skip` on, at most `count`. */
  async positions(skip, count) {
    const candidates = await this.#open();
    if (!this.#test) return range(candidates, skip, count);
    await this.#find(candidates, skip + count);
    return this.#matches.slice(skip, skip + count);
  }

  /** Number of matches; looks at every candidate. */
  async count() {
    const candidates = await this.#open();
    if (!this.#test) return candidates.length;
    await this.#find(candidates, Infinity);
    return this.#matches.length;
  }

  #open() {
    this.#candidates ??= this.#findCandidates();
    return this.#candidates;
  }

  /** Several callers may look for more at the same time: each step is one candidate. */
  #find(candidates, count) {
    return inSlices(() => {
      if (this.#matches.length >= count || this.#next >= candidates.length) return false;
      const position = candidates.at(this.#next++);
      if (this.#test(position)) this.#matches.push(position);
      return true;
    });
  }
}

function range(candidates, skip, count) {
  const length = Math.max(0, Math.min(count, candidates.length - skip));
  return Array.from({ length }, (_, index) => candidates.at(skip + index));
}
