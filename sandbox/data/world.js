/*
 * What every generator asks: ids, times, random numbers and references of one data set. Made by
 * index.js, handed to all generators.
 */

import { makeIds } from './ids.js';
import { Links } from './links.js';
import { outsideCount } from './outside.js';
import { hashSeed, mix, mixText, Random } from './random.js';
import { timeAt } from './timeline.js';

export class World {
  #seed;
  #counts;
  #links;
  #ids;

  constructor(seed, counts, dealerId) {
    this.#seed = hashSeed(seed);
    this.#counts = counts;
    this.#links = new Links(counts);
    this.#ids = new Map(
      Object.entries(counts).map(([resource, count]) => [resource, makeIds(this.#seed, resource, count)]),
    );
    this.dealerId = dealerId;
    this.userIds = Array.from({ length: outsideCount('users') }, (_, i) => this.outsideId('users', i));
  }

  count(resource) {
    return this.#counts[resource];
  }

  id(resource, index) {
    return this.#ids.get(resource)(index);
  }

  /** The id of a document found by parent(), if there is one. */
  idOf(place) {
    return place && this.id(place.resource, place.index);
  }

  /** Random numbers of one document for one purpose: the same whoever asks. */
  random(purpose, index) {
    return new Random(mix(mixText(this.#seed, purpose), index));
  }

  /** The time, in milliseconds, at which the document was inserted. */
  createdAt(resource, index) {
    const jitter = mix(mixText(this.#seed, resource), index) / 2 ** 32;
    return timeAt((index + jitter) / this.#counts[resource]);
  }

  /** The id of something that the CRM has but the API's description does not: a user, a file. */
  outsideId(kind, number) {
    return this.random(`outside ${kind}`, number).objectId();
  }

  user(random) {
    return random.pick(this.userIds);
  }

  users(random, min, max) {
    return random.sample(this.userIds, random.integer(min, max));
  }

  parent(link, index) {
    return this.#links.parent(link, index);
  }

  children(link, resource, index) {
    return this.#links.children(link, resource, index);
  }
}
