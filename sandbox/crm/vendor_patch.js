/*
 * JSON Patch as the vendor's own library (1.3.2) applies it to Mongoose documents. Used by patch.js.
 *
 * The patch is applied to a real Mongoose document, and what Mongoose would then send to MongoDB is applied to
 * the document as it is stored. So habits of the library and of Mongoose come about by themselves:
 * - the library follows a path by the schema's types. Below a free form (Mixed) there are none, so that a path
 *   of three or more parts through one makes it throw, and so does `add` below what holds a string there;
 * - `add` makes the missing parents, and Mongoose puts the arrays that the schema declares into them;
 * - `remove` of what is not there does nothing; `test` never fails.
 */

import { ProgramError, QueryError } from '../mongo/errors.js';

/** {schema, document} -> the patched copy. keepsUnknown: what the schema does not have is stored, too. */
export function patchLikeVendor(schema, stored, operations, keepsUnknown) {
  const document = schema.hydrated(stored, keepsUnknown);
  const paths = operations.flatMap(({ path, from }) => [path, from].filter((pointer) => pointer !== undefined).map(dotted));
  try {
    for (const operation of operations) APPLY[operation.op](document, operation);
    checkChanged(document, paths);
    return withChanges(stored, document.getChanges(), paths);
  } catch (error) {
    // A service tells values that do not fit from errors of its own, which Express answers with 500.
    throw ['CastError', 'ValidationError'].includes(error.name) ? new QueryError(error.message) : new ProgramError(error.message);
  }
}

const APPLY = {
  add: (document, { path, value }) => add(document, path, value),
  replace: (document, { path, value }) => {
    remove(document, path);
    add(document, path, value);
  },
  remove: (document, { path }) => remove(document, path),
  copy: (document, { from, path }) => add(document, path, document.get(dotted(from))),
  move: (document, { from, path }) => {
    const value = document.get(dotted(from));
    remove(document, from);
    add(document, path, value);
  },
  test: () => {},
};

const dotted = (pointer) => pointer.slice(1).replaceAll('/', '.');

function add(document, pointer, value) {
  const path = dotted(pointer);
  const last = path.split('.').at(-1);
  const container = containerOf(document, path, true);
  if (!Array.isArray(container)) document.set(path, value);
  else if (last === '-') container.push(value);
  else {
    const index = Number.parseInt(last, 10);
    if (index > container.length) throw new Error(`Invalid index value: ${last} for array add`);
    container.splice(index, 0, value);
  }
}

function remove(document, pointer) {
  const path = dotted(pointer);
  const container = containerOf(document, path, false);
  if (Array.isArray(container)) container.splice(path.split('.').at(-1), 1);
  else if (container) document.set(path, undefined);
}

/**
 * What the last part of a path is in. What is missing on the way is made, or is the end: then there is no
 * container. The types are followed with the values, and where there is none any more, this throws.
 */
function containerOf(document, path, makes) {
  let type = document;
  let value = document;
  for (const part of path.split('.').slice(0, -1)) {
    const key = Array.isArray(value) ? indexOf(value, part) : part;
    type = Array.isArray(value) ? type.$embeddedSchemaType : type.schema.path(part);
    if (!value[key]) {
      if (!makes) return null;
      value[key] = emptyOf(type);
    }
    value = value[key];
  }
  return value;
}

function indexOf(array, part) {
  const index = part === '-' ? array.length : Number.parseInt(part, 10);
  if (Number.isNaN(index)) throw new Error(`Invalid index on array: ${part}`);
  return index;
}

function emptyOf(type) {
  if (!type) return null;
  if (type.defaultValue === undefined) return type.cast({});
  return typeof type.defaultValue === 'function' ? type.defaultValue() : type.defaultValue;
}

const isRelated = (path, other) => path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`);

/** Values that could not be cast are refused, but for those which the document had before. Some paths lack their beginning. */
function checkChanged(document, paths) {
  const error = document.validateSync();
  const isOurs = (path) => paths.some((other) => isRelated(path, other) || other.endsWith(`.${path}`));
  if (Object.keys(error?.errors ?? {}).some(isOurs)) throw error;
}

/**
 * The stored document with what Mongoose would send to MongoDB. Defaults that it adds elsewhere are left out:
 * the sandbox's documents lack arrays which a service that always had these defaults would have everywhere.
 */
function withChanges(stored, { $set = {}, $unset = {}, $push = {} } = {}, paths) {
  const patched = structuredClone(stored);
  for (const [path, value] of Object.entries($set)) {
    if (paths.some((other) => isRelated(path, other))) setAt(patched, path.split('.'), plain(value));
  }
  for (const path of Object.keys($unset)) unsetAt(patched, path.split('.'));
  for (const [path, value] of Object.entries($push)) pushAt(patched, path.split('.'), value);
  return patched;
}

const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

/** As MongoDB does: missing parents are made, and others must be able to have members. */
function setAt(holder, [key, ...rest], value) {
  if (rest.length === 0) holder[key] = value;
  else {
    if (holder[key] === undefined) holder[key] = {};
    if (typeof holder[key] !== 'object' || holder[key] === null) throw new Error(`Cannot create field '${rest[0]}' in element {${key}: ...}`);
    setAt(holder[key], rest, value);
  }
}

function unsetAt(holder, [key, ...rest]) {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return;
  if (rest.length > 0) unsetAt(holder[key], rest);
  else if (Array.isArray(holder)) holder[key] = null;
  else delete holder[key];
}

function pushAt(document, path, pushed) {
  const elements = (pushed.$each ?? [pushed]).map(plain);
  const parent = path.slice(0, -1).reduce((holder, key) => holder[key], document);
  const array = (parent[path.at(-1)] ??= []);
  if (!Array.isArray(array)) throw new Error(`The field '${path.join('.')}' must be an array`);
  array.splice(pushed.$position ?? array.length, 0, ...elements);
}
