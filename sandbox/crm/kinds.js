/*
 * The kinds that the service may be of, as far as its schemas go, and the schemas of one resource for
 * each. Made when they are asked for. Used by collections.
 *
 * A kind is {ids, mongoose, strictQuery}: whether ids are ObjectIds or strings, which Mongoose casts,
 * and what it does with paths that the schema does not know.
 */

import { isIdSchema } from './description.js';
import { makeIndexForm } from './index_form.js';
import { makeMongoose, MONGOOSES, STRICT_QUERIES } from './mongoose.js';
import { ResourceSchema } from './schema.js';
import { shown } from './shown.js';

export const ID_TYPES = ['objectid', 'string'];

/** Every kind. */
export const KINDS = ID_TYPES.flatMap((ids) =>
  MONGOOSES.flatMap((mongoose) => STRICT_QUERIES.map((strictQuery) => ({ ids, mongoose, strictQuery }))),
);

/** The kind that the settings say, what its schemas do to texts, and who compares them and reads its $regex. */
export const kindOf = ({ ids, mongoose, strict_query, text_setters, collation, regex }) => ({
  ids,
  mongoose,
  strictQuery: String(strict_query),
  textSetter: text_setters,
  collation,
  regex,
});

export class ResourceKinds {
  #resource;
  #description;
  #schemas = new Map();
  #indexForms = new Map();

  constructor(resource, description) {
    this.#resource = resource;
    this.#description = description;
  }

  schema({ ids, mongoose, strictQuery, textSetter = 'none' }) {
    return kept(this.#schemas, `${ids} ${mongoose} ${strictQuery} ${textSetter}`, () => {
      const base = makeMongoose(mongoose, strictQuery);
      return new ResourceSchema(base, this.#resource, this.#description, objectIdTest(ids), textSetter);
    });
  }

  indexForm(ids, document) {
    const toIndexForm = kept(this.#indexForms, ids, () => makeIndexForm(this.#description, objectIdTest(ids)));
    return toIndexForm(document);
  }

  /** The document as replies show it, by the settings. */
  shown(settings, document) {
    return shown(this.#description, settings, document);
  }
}

const objectIdTest = (ids) => (ids === 'objectid' ? isIdSchema : () => false);

function kept(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}
