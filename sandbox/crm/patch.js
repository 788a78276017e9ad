/*
 * JSON Patch, in the three ways the sandbox knows. Used by the PATCH operation.
 *
 * The service applies patches to Mongoose documents, with habits of its own: slashes become dots,
 * so that ~0 and ~1 mean nothing and a key that contains "/" or "." cannot be addressed; a missing
 * parent is made; removing what is not there does nothing; `test` never fails. vendor_patch.js does it as the
 * vendor's library does; here the same is meant well, and nothing throws.
 * The third way is RFC 6902 to the letter, for testing clients against both.
 */

import jsonPatch from 'fast-json-patch';

import { QueryError } from '../mongo/errors.js';
import { field, isObject } from '../mongo/paths.js';
import { withUnknown } from './unknown.js';
import { patchLikeVendor } from './vendor_patch.js';

const WAYS = { vendor: patchLikeVendor, mongoose: patchLikeService, rfc6902: patchByStandard };
export const PATCH_WAYS = Object.keys(WAYS);
const OPERATIONS = ['add', 'replace', 'remove', 'move', 'copy', 'test'];
const WITH_VALUE = ['add', 'replace'];
const WITH_SOURCE = ['move', 'copy'];
const INDEX = /^\d+$/;

/** The patched copy of a document, its new values cast as the schema says. Throws a QueryError. */
export function applyPatch(schema, document, operations, { patch: way, unknown_fields: unknown }) {
  checkPatch(operations);
  const patched = WAYS[way](schema, document, operations, unknown === 'kept');
  if (patched._id !== document._id) throw new QueryError('the path _id is immutable');
  return patched;
}

function checkPatch(operations) {
  if (!Array.isArray(operations)) throw new QueryError('a patch must be an array of operations');
  for (const operation of operations) {
    const { op, path, from } = isObject(operation) ? operation : {};
    if (!OPERATIONS.includes(op)) throw new QueryError(`unknown patch operation ${JSON.stringify(op)}`);
    checkPointer('path', path);
    if (WITH_SOURCE.includes(op)) checkPointer('from', from);
    if (WITH_VALUE.includes(op) && !('value' in operation)) throw new QueryError(`${op} ${path} needs a value`);
  }
}

function checkPointer(name, pointer) {
  if (typeof pointer !== 'string' || !/^\/./s.test(pointer)) {
    throw new QueryError(`${name} must be a JSON pointer, not ${JSON.stringify(pointer)}`);
  }
}

function patchLikeService(schema, document, operations, keepsUnknown) {
  const castAt = (target, value, patched) => castValue(schema, target, value, patched, keepsUnknown);
  const patched = structuredClone(document);
  for (const { op, path, from, value } of operations) {
    const target = dotted(path);
    switch (op) {
      case 'add':
      case 'replace':
        setCast(castAt, patched, target, value, op === 'add');
        break;
      case 'remove':
        take(patched, target);
        break;
      case 'move':
        setCast(castAt, patched, target, take(patched, dotted(from)), true);
        break;
      case 'copy':
        setCast(castAt, patched, target, structuredClone(lookUp(patched, dotted(from))), true);
        break;
    }
  }
  return patched;
}

const dotted = (pointer) => pointer.slice(1).replaceAll('/', '.').split('.');

/** What the schema has no place for is dropped without a word, as Mongoose does, unless it keeps such things. */
function castValue(schema, segments, value, document, keepsUnknown) {
  const cast = schema.castAt(segments, value, document);
  return keepsUnknown ? withUnknown(cast, value) : cast;
}

function setCast(castAt, document, segments, value, inserts) {
  if (value === undefined) return;
  const cast = castAt(segments, value, document);
  if (cast !== undefined) set(document, segments, cast, inserts);
}

function set(document, segments, value, inserts) {
  const last = segments.at(-1);
  const parent = parentOf(document, segments);
  if (!Array.isArray(parent)) parent[last] = value;
  else if (last === '-') parent.push(value);
  else parent.splice(indexIn(segments, last), inserts ? 0 : 1, value);
}

/** The container of the last segment; containers that are missing on the way are made. */
function parentOf(document, segments) {
  return segments.slice(0, -1).reduce((container, segment) => {
    const key = Array.isArray(container) ? indexIn(segments, segment) : segment;
    if ((memberOf(container, segment) ?? null) === null) container[key] = {};
    if (typeof container[key] !== 'object') {
      throw new QueryError(`${segments.join('.')}: ${segment} is neither an object nor an array`);
    }
    return container[key];
  }, document);
}

function indexIn(segments, segment) {
  if (!INDEX.test(segment)) throw new QueryError(`${segments.join('.')}: an array has no ${segment}`);
  return Number(segment);
}

const lookUp = (document, segments) => segments.reduce(memberOf, document);

/** What the document itself has there: names that every object inherits are none of its own. */
function memberOf(container, segment) {
  if (Array.isArray(container)) return INDEX.test(segment) ? container[segment] : undefined;
  return isObject(container) ? field(container, segment) : undefined;
}

/** Removes and gives what is there, if anything is. */
function take(document, segments) {
  const parent = lookUp(document, segments.slice(0, -1));
  const last = segments.at(-1);
  const value = lookUp(document, segments);
  if (isObject(parent)) delete parent[last];
  else if (value !== undefined) parent.splice(Number(last), 1);
  return value;
}

function patchByStandard(schema, document, operations, keepsUnknown) {
  const cast = operations.map((operation) => {
    if (!WITH_VALUE.includes(operation.op)) return operation;
    const segments = operation.path.slice(1).split('/').map(jsonPatch.unescapePathComponent);
    return { ...operation, value: castValue(schema, segments, operation.value, document, keepsUnknown) };
  });
  try {
    const known = cast.filter(({ op, value }) => !WITH_VALUE.includes(op) || value !== undefined);
    return jsonPatch.applyPatch(document, known, true, false).newDocument;
  } catch (error) {
    throw new QueryError(error.message.split('\n', 1)[0]);
  }
}
