/*
 * The generated data set: every document a pure function of the seed, the counts, its resource and
 * its position, made when it is asked for. Used by server.js.
 */

import { countDocuments, RESOURCES } from './counts.js';
import { makeDocument } from './document.js';
import { OUTSIDE_RESOURCES, outsideCount, outsideDocument } from './outside.js';
import { World } from './world.js';

const isOutside = (resource) => OUTSIDE_RESOURCES.includes(resource);

/** {resources, count(resource), id(resource, index), document(resource, index)}; resources: those that are described */
export function createDataset({ seed = 1, scale = 400, counts = {}, dealerId }) {
  const world = new World(seed, countDocuments(scale, counts), dealerId);
  return {
    resources: RESOURCES,
    count: (resource) => (isOutside(resource) ? outsideCount(resource) : world.count(resource)),
    id: (resource, index) => (isOutside(resource) ? world.outsideId(resource, index) : world.id(resource, index)),
    document: (resource, index) => (isOutside(resource) ? outsideDocument : makeDocument)(world, resource, index),
  };
}
