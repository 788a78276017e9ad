/*
 * The generated data set: every document a pure function of the seed, the counts, its resource and
 * its position, made when it is asked for. Used by server.js.
 */

import { countDocuments, RESOURCES } from './counts.js';
import { makeDocument } from './document.js';
import { World } from './world.js';

/** {resources, count(resource), id(resource, index), document(resource, index)} */
export function createDataset({ seed = 1, scale = 400, counts = {}, dealerId }) {
  const world = new World(seed, countDocuments(scale, counts), dealerId);
  return {
    resources: RESOURCES,
    count: (resource) => world.count(resource),
    id: (resource, index) => world.id(resource, index),
    document: (resource, index) => makeDocument(world, resource, index),
  };
}
