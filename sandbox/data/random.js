/*
 * Random numbers that are a function of their seed: the same on every machine, and each document's
 * own, so that it can be made without those before it. Used by all that makes data.
 */

/* Documents are full of ids: each byte's digits are looked up. */
const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Mixes a number into a 32-bit hash (the finalizer of MurmurHash3). */
export function mix(hash, number) {
  let h = Math.imul(hash ^ number, 0x85ebca6b) + 0x9e3779b9;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Mixes a text into a 32-bit hash. */
export function mixText(hash, text) {
  let h = hash;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h, text.length);
}

/** A seed of up to 53 bits as a 32-bit hash. */
export function hashSeed(seed) {
  return mix(mix(0, seed % 2 ** 32), Math.floor(seed / 2 ** 32));
}

/** The 32-bit generator mulberry32, and the draws that generators need. */
export class Random {
  #state;

  constructor(hash) {
    this.#state = hash | 0;
  }

  /** An integer from 0 to 2^32 - 1. */
  word() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** From 0 up to, but not including, 1. */
  fraction() {
    return this.word() / 2 ** 32;
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  /** An integer from min to max, both included. */
  integer(min, max) {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** A number from min to max with so many digits after the point. */
  decimal(min, max, digits) {
    return Number((min + this.fraction() * (max - min)).toFixed(digits));
  }

  /** An amount of money, most often without cents. */
  amount(min, max) {
    return this.chance(0.7) ? this.integer(min, max) : this.decimal(min, max, 2);
  }

  pick(choices) {
    return choices[Math.floor(this.fraction() * choices.length)];
  }

  /** So many different choices, in the order in which they stand. */
  sample(choices, size) {
    let wanted = size;
    return choices.filter((_, i) => {
      const taken = this.fraction() * (choices.length - i) < wanted;
      if (taken) wanted--;
      return taken;
    });
  }

  list(min, max, make) {
    return Array.from({ length: this.integer(min, max) }, (_, i) => make(i));
  }

  /** The id of a subdocument or of something outside the data set. */
  objectId() {
    return hexWord(0x5c2aad80 + (this.word() >>> 5)) + hexWord(this.word()) + hexWord(this.word());
  }

  /** Hexadecimal digits, as in the ids of telephone providers. */
  hex(length) {
    let text = '';
    while (text.length < length) text += hexWord(this.word());
    return text.slice(0, length);
  }

  uuid() {
    const digits = this.hex(32);
    return [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `a${digits.slice(17, 20)}`, digits.slice(20)].join('-');
  }
}

/** Eight hexadecimal digits of an integer from 0 to 2^32 - 1. */
export function hexWord(number) {
  return HEX_BYTES[number >>> 24] + HEX_BYTES[(number >>> 16) & 255] + HEX_BYTES[(number >>> 8) & 255] + HEX_BYTES[number & 255];
}
