/*
 * The kinds that the service may be of, as far as its schemas go, and the schemas of one resource for
 * each. Made when they are asked for. Used by collections.
 *
 * A kind is {ids, mongoose, strictQuery}: whether ids are ObjectIds or strings, which Mongoose casts,
 * and what it does with paths that the schema does not know.
 */

import { readFileSync } from 'node:fs';

import { makeIndexForm } from './index_form.js';
import { makeMongoose, MONGOOSES, STRICT_QUERIES } from './mongoose.js';
import { OUTSIDE_ID_PLACES } from './outside.js';
import { ResourceSchema } from './schema.js';

export const ID_TYPES = ['objectid', 'string'];

/** Where ids are, by resource: dotted paths without the indexes of arrays. */
const ID_PLACES = JSON.parse(readFileSync(new URL('../../api/ids.json', import.meta.url), 'utf8'));

/** Every kind. */
export const KINDS = ID_TYPES.flatMap((ids) =>
  MONGOOSES.flatMap((mongoose) => STRICT_QUERIES.map((strictQuery) => ({ ids, mongoose, strictQuery }))),
);

/** The kind that the settings say. */
export const kindOf = ({ ids, mongoose, strict_query }) => ({ ids, mongoose, strictQuery: String(strict_query) });

export class ResourceKinds {
  #resource;
  #description;
  #idPlaces;
  #schemas = new Map();
  #indexForms = new Map();

  constructor(resource, description) {
    this.#resource = resource;
    this.#description = description;
    this.#idPlaces = new Set(ID_PLACES[resource] ?? OUTSIDE_ID_PLACES);
  }

  schema({ ids, mongoose, strictQuery }) {
    return kept(this.#schemas, `${ids} ${mongoose} ${strictQuery}`, () => {
      const base = makeMongoose(mongoose, strictQuery);
      return new ResourceSchema(base, this.#resource, this.#description, this.#idTest(ids));
    });
  }

  indexForm(ids, document) {
    const toIndexForm = kept(this.#indexForms, ids, () => makeIndexForm(this.#description, this.#idTest(ids)));
    return toIndexForm(document);
  }

  #idTest(ids) {
    return ids === 'objectid' ? (path) => this.#idPlaces.has(path) : () => false;
  }
}

function kept(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}
