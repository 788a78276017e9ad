/*
 * Projections: which fields of a document are sent.
 * Used by the lists and jobs of the CRM.
 *
 * A projection is an object of paths, each with true (these fields only) or false (all but these),
 * as MongoDB's find() takes it. _id is sent unless it is excluded.
 */

import { QueryError } from './errors.js';
import { isObject } from './paths.js';

const LEAF = Symbol('leaf');

/** A function that makes the projected copy of a document. */
export function compileProjection(projection) {
  const { _id: withId = true, ...fields } = projection;
  const paths = Object.keys(fields);
  const including = paths.length > 0 ? fields[paths[0]] : withId;
  const contrary = paths.find((path) => fields[path] !== including);
  if (contrary !== undefined) {
    const [this_, other] = including ? ['exclusion', 'inclusion'] : ['inclusion', 'exclusion'];
    throw new QueryError(`Cannot do ${this_} on field ${contrary} in ${other} projection`);
  }
  const tree = new Map();
  for (const path of paths) plant(tree, path);
  if (withId === including) plant(tree, '_id');
  return including ? (document) => include(document, tree) : (document) => exclude(document, tree);
}

function plant(tree, path) {
  const parts = path.split('.');
  if (parts.includes('')) throw new QueryError(`FieldPath '${path}' has an empty field name`);
  let node = tree;
  parts.forEach((part, index) => {
    const isLast = index === parts.length - 1;
    const next = node.get(part);
    if (next === LEAF || (next && isLast)) {
      throw new QueryError(`Path collision at ${path} remaining portion ${parts.slice(index + 1).join('.') || part}`);
    }
    if (!next) node.set(part, isLast ? LEAF : new Map());
    node = node.get(part);
  });
}

/** What is not an object has no fields to include, and is left out. */
function include(value, tree) {
  if (Array.isArray(value)) {
    return value.filter((element) => isObject(element) || Array.isArray(element)).map((element) => include(element, tree));
  }
  const entries = Object.entries(value).map(([key, child]) => [key, child, tree.get(key)]);
  const kept = entries.filter(([, child, node]) => node === LEAF || (node && (isObject(child) || Array.isArray(child))));
  return Object.fromEntries(kept.map(([key, child, node]) => [key, node === LEAF ? child : include(child, node)]));
}

function exclude(value, tree) {
  if (Array.isArray(value)) return value.map((element) => exclude(element, tree));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, child, tree.get(key)]);
  const kept = entries.filter(([, , node]) => node !== LEAF);
  return Object.fromEntries(kept.map(([key, child, node]) => [key, node ? exclude(child, node) : child]));
}
