/*
 * What the service does with types: Mongoose models made from the description.
 * Mongoose casts filter values, bodies and patches here; there is no database behind the models.
 * Used by lists and jobs (filters), by writes (documents) and by collections (the index form).
 */

import { isDeepStrictEqual } from 'node:util';

import mongoose from 'mongoose';

import { QueryError } from '../mongo/errors.js';
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
  // Fields named "type" are fields here, not Mongoose's way to write a type.
  typeKey: '$type',
  suppressReservedKeysWarning: true,
};

/** As deep as MongoDB stores objects and arrays in each other. */
const MAX_LEVELS = 100;

const ISO_DATE = /^([+-]\d{2})?\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** The types of one resource. */
export class ResourceSchema {
  constructor(resource, description) {
    this.model = new mongoose.Mongoose().model(resource, makeSchema(description), resource);
    this.dates = dateTree(description) ?? {};
  }

  /** The filter with its values cast as the schema says; throws a QueryError where one cannot be cast. */
  castFilter(filter, { strictQuery }) {
    if (isDeeper(filter, MAX_LEVELS)) throw new QueryError(`the filter is nested deeper than ${MAX_LEVELS} levels`);
    const query = this.model.find().setOptions({ strictQuery });
    try {
      return plain(query.cast(this.model, structuredClone(filter)));
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

  /**
   * The form of a document that filters and sorts see: its dates as Dates, as the service's database
   * holds them. What is no date there stays as it is. Parts without dates are shared, not copied.
   */
  indexForm(document) {
    return withDates(document, this.dates);
  }
}

function makeSchema(description) {
  const fields = Object.entries(description.properties).map(([name, field]) => [name, makeField(name, field)]);
  return new mongoose.Schema(Object.fromEntries(fields), SCHEMA_OPTIONS);
}

/** Arrays have no default: a missing array stays missing. */
function makeField(name, description) {
  if (description.type !== 'array') return { $type: makeType(name, description) };
  return { $type: [makeField(name, description.items)], default: undefined };
}

function makeType(name, { type, format, properties }) {
  if (isFreeForm(name)) return mongoose.Schema.Types.Mixed;
  switch (type) {
    case 'string':
      return format === 'date-time' ? Date : String;
    case 'number':
      return Number;
    case 'boolean':
      return Boolean;
    case 'object':
      return properties ? makeSchema({ properties }) : mongoose.Schema.Types.Mixed;
    default:
      return mongoose.Schema.Types.Mixed;
  }
}

/** The paths that lead to dates, as nested objects ending in true; undefined where none does. */
function dateTree({ type, format, properties, items }) {
  if (type === 'array') return dateTree(items);
  if (format === 'date-time') return true;
  const branches = Object.entries(properties ?? {})
    .map(([name, field]) => [name, dateTree(field)])
    .filter(([, branch]) => branch);
  return branches.length > 0 ? Object.fromEntries(branches) : undefined;
}

function withDates(value, dates) {
  if (Array.isArray(value)) return value.map((element) => withDates(element, dates));
  if (dates === true) return toDate(value);
  if (!isObject(value)) return value;
  const copy = { ...value };
  for (const name in dates) {
    if (Object.hasOwn(value, name)) copy[name] = withDates(value[name], dates[name]);
  }
  return copy;
}

function toDate(value) {
  if (typeof value !== 'string' || !ISO_DATE.test(value)) return value;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? value : date;
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

/** Mongoose's own arrays and subdocuments as plain values. */
function plain(value) {
  if (typeof value?.toObject === 'function') return plain(value.toObject());
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]));
}
