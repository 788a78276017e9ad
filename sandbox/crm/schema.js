/*
 * What the service does with types: Mongoose models made from the description.
 * Mongoose casts filter values, ids, bodies and patches here; there is no database behind the models.
 * Made by kinds.js, one for each kind of service; used by lists and jobs (filters) and by writes (documents).
 */

import { isDeepStrictEqual } from 'node:util';

import { FilterError, QueryError } from '../mongo/errors.js';
import { ObjectId } from '../mongo/object_id.js';
import { isObject } from '../mongo/paths.js';
import { isFreeForm } from './description.js';

const SCHEMA_OPTIONS = {
  _id: false,
  id: false,
  versionKey: false,
  minimize: false,
  autoCreate: false,
  autoIndex: false,
  bufferCommands: false,
  // No `strict`: Mongoose 6 would take it for strictQuery, too.
  // Fields named "type" are fields here, not Mongoose's way to write a type.
  typeKey: '$type',
  suppressReservedKeysWarning: true,
};

/** What schemas do to some texts, when they are stored and when a filter has them: Mongoose's own words. */
export const TEXT_SETTERS = ['none', 'lowercase', 'uppercase', 'trim'];

/** The leaves whose texts these are. */
const SET_TEXTS = ['make', 'license_plate', 'email', 'emails', 'client_emails', 'source'];

/** As deep as MongoDB stores objects and arrays in each other. */
const MAX_LEVELS = 100;

/** The types of one resource, for one kind of service. */
export class ResourceSchema {
  #makeModel;
  #storedModels = new Map();

  /** mongoose: from makeMongoose; isObjectId(schema): whether what a schema describes is an ObjectId here; textSetter: of TEXT_SETTERS. */
  constructor(mongoose, resource, description, isObjectId, textSetter = 'none') {
    this.#makeModel = (context) => {
      // The models differ and have the same name, which is in the messages.
      if (mongoose.models[resource]) mongoose.deleteModel(resource);
      return mongoose.model(resource, makeSchema({ mongoose, isObjectId, textSetter, ...context }, description), resource);
    };
    this.model = this.#makeModel({});
  }

  /** A stored document as a Mongoose document: what is missing in it stays so, but for arrays, which are empty. */
  hydrated(stored, keepsUnknown) {
    if (!this.#storedModels.has(keepsUnknown)) {
      const options = { strict: !keepsUnknown };
      this.#storedModels.set(keepsUnknown, this.#makeModel({ arrays: () => [], options }));
    }
    return this.#storedModels.get(keepsUnknown).hydrate(structuredClone(stored));
  }

  /** The filter with its values cast as the schema says; throws a FilterError where one cannot be cast. */
  castFilter(filter) {
    if (isDeeper(filter, MAX_LEVELS)) throw new FilterError(`the filter is nested deeper than ${MAX_LEVELS} levels`);
    try {
      return plain(this.model.find().cast(this.model, structuredClone(filter)));
    } catch (error) {
      throw new FilterError(error.message);
    }
  }

  /** The _id that a text in a URL means; throws a QueryError where it means none. */
  castId(text) {
    try {
      return String(this.model.findOne().cast(this.model, { _id: text })._id);
    } catch (error) {
      throw new QueryError(error.message);
    }
  }

  /**
   * The document that Mongoose would store for a body: fields cast, unknown ones dropped. A value of
   * the wrong type is refused, unless the document has that very value in that place already.
   */
  castDocument(body, previous = {}) {
    if (!isObject(body)) throw new QueryError('the body must be an object');
    if (isDeeper(body, MAX_LEVELS)) throw new QueryError(`the document is nested deeper than ${MAX_LEVELS} levels`);
    const document = new this.model(body);
    const error = document.validateSync();
    const cast = JSON.parse(JSON.stringify(document.toObject()));
    for (const path of Object.keys(error?.errors ?? {})) {
      if (!restore(path.split('.'), cast, body, previous)) throw new QueryError(error.message);
    }
    return cast;
  }

  /**
   * The value as the schema casts it at a path of the previous document; undefined where the schema
   * has no such path.
   */
  castAt(segments, value, previous) {
    const wrapped = segments.reduceRight(
      (inner, segment) => (/^(\d+|-)$/.test(segment) ? [inner] : { [segment]: inner }),
      value,
    );
    return segments.reduce(
      (outer, segment) => (Array.isArray(outer) ? outer[0] : outer?.[segment]),
      this.castDocument(wrapped, previous),
    );
  }
}

/** context: {mongoose, isObjectId, textSetter, arrays: their default, options: of the schema}. */
function makeSchema(context, { properties }) {
  const fields = Object.entries(properties).map(([name, field]) => [name, makeField(context, name, field)]);
  return new context.mongoose.Schema(Object.fromEntries(fields), { ...SCHEMA_OPTIONS, ...context.options });
}

/** Arrays have no default, where none is asked for: a missing array stays missing. */
function makeField(context, name, description) {
  if (description.type !== 'array') {
    const type = makeType(context, name, description);
    return { $type: type, ...(type === String && SET_TEXTS.includes(name) && setterOption(context)) };
  }
  return { $type: [makeField(context, name, description.items)], default: context.arrays };
}

const setterOption = ({ textSetter }) => (textSetter === 'none' ? {} : { [textSetter]: true });

function makeType(context, name, description) {
  const { Mixed, ObjectId: Id } = context.mongoose.Schema.Types;
  if (isFreeForm(name)) return Mixed;
  if (context.isObjectId(description)) return Id;
  switch (description.type) {
    case 'string':
      return description.format === 'date-time' ? Date : String;
    case 'number':
      return Number;
    case 'boolean':
      return Boolean;
    case 'object':
      return description.properties ? makeSchema(context, description) : Mixed;
    default:
      return Mixed;
  }
}

const isDeeper = (value, levels) =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((child) => isDeeper(child, levels - 1)));

/** Puts back what casting lost at the path, if the previous document has the same; says whether. */
function restore([segment, ...rest], cast, body, previous) {
  if (rest.length > 0 && cast[segment] !== undefined) {
    return restore(rest, cast[segment], body[segment], previous?.[segment]);
  }
  if (!isDeepStrictEqual(body[segment], previous?.[segment])) return false;
  cast[segment] = body[segment];
  return true;
}

/** Mongoose's own arrays, subdocuments and ObjectIds as plain values and our own ObjectIds. */
function plain(value) {
  if (/^ObjectI[dD]$/.test(value?._bsontype)) return new ObjectId(value.toString());
  if (typeof value?.toObject === 'function') return plain(value.toObject());
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]));
}
