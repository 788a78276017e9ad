/*
 * A data set small enough to know by heart, in the form of data/index.js. The tests of the server
 * use it so that they do not depend on what the real one generates.
 */

import { createHash } from 'node:crypto';

import { resourceSchemas } from '../../crm/description.js';

const DEFAULT_COUNT = 3;
const MAKES = ['Seat', 'Citroën', 'Renault', 'Škoda', 'Audi'];
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2024, 0, 1);

export function createDataset({ seed = 1, scale = 120, counts = {} }) {
  const resources = [...resourceSchemas.keys()];
  const count = (resource) => counts[resource] ?? (resource === 'cars' ? scale : DEFAULT_COUNT);
  const id = (resource, index) =>
    createHash('md5').update(`${seed}/${resource}/${index}`).digest('hex').slice(0, 24);
  return { resources, count, id, document: (resource, index) => ({ _id: id(resource, index), ...fields(index) }) };
}

/** Every third car has no price, every fourth a null colour. */
function fields(index) {
  const created = new Date(FIRST_DAY + index * DAY_MS).toISOString();
  return {
    __v: 0,
    dealer_id: 'dealer',
    created_at: created,
    updated_at: created,
    make: MAKES[index % MAKES.length],
    year: 2000 + (index % 25),
    ...(index % 3 === 0 ? {} : { price: 1000 + index + 0.5 }),
    color: index % 4 === 0 ? null : `color ${index % 7}`,
    foreign_ids: Array.from({ length: index % 3 }, (_, n) => `f${n}`),
    custom: index % 2 === 0 ? 'text' : { note: `n${index}` },
  };
}
