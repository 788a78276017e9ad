/*
 * Query operators with MongoDB's meaning, for mingo's engine.
 *
 * mingo parses a filter and joins its conditions ($and, $or, $nor, $not). Its own field operators
 * differ from MongoDB in what a path through arrays means, in null against missing fields, in
 * comparing arrays and objects, and in comparing strings by UTF-16 code units. They are replaced
 * here, through the context that mingo offers for it.
 */

import { Context } from 'mingo/core';
import { $and, $nor, $not, $or } from 'mingo/operators/query/logical';
import { Query } from 'mingo/query';

import { COLLATIONS } from './collation.js';
import { FilterError } from './errors.js';
import { ObjectId } from './object_id.js';
import { compareValues, typeRank } from './order.js';
import { isObject, someValue } from './paths.js';

const INT32_MAX = 2 ** 31 - 1;
const isInt32 = (value) => Number.isInteger(value) && Math.abs(value) <= INT32_MAX;

/** Names and numbers of $type, for the types that a document with dates and ids can hold. */
const TYPES = new Map(
  [
    ['double', 1, (value) => typeof value === 'number' && !isInt32(value)],
    ['string', 2, (value) => typeof value === 'string'],
    ['object', 3, isObject],
    ['array', 4, Array.isArray],
    ['binData', 5, () => false],
    ['objectId', 7, (value) => value instanceof ObjectId],
    ['bool', 8, (value) => typeof value === 'boolean'],
    ['date', 9, (value) => value instanceof Date],
    ['null', 10, (value) => value === null],
    ['regex', 11, () => false],
    ['int', 16, isInt32],
    ['timestamp', 17, () => false],
    ['long', 18, () => false],
    ['decimal', 19, () => false],
    ['number', 'number', (value) => typeof value === 'number'],
  ].flatMap(([name, number, test]) => [
    [name, test],
    [number, test],
  ]),
);

/** An operator that holds when any value at the path passes the test made from its operand. */
const anyValue = (makeTest, { wholeArrays = false } = {}) =>
  (path, operand, options) => {
    const parts = path.split('.');
    const test = makeTest(operand, options);
    return (document) => someValue(document, parts, wholeArrays, test);
  };

const negated = (operator) => (path, operand, options) => {
  const test = operator(path, operand, options);
  return (document) => !test(document);
};

const equals = (operand) => (value) => compareValues(value, operand) === 0;

/** Only values of the operand's own type take part ("type bracketing"). */
const compares = (holds) => (operand) => {
  const rank = typeRank(operand);
  return (value) => typeRank(value) === rank && holds(compareValues(value, operand));
};

function requireArray(name, operand) {
  if (!Array.isArray(operand)) throw new FilterError(`${name} needs an array`);
  if (operand.some((element) => isObject(element) && Object.keys(element)[0]?.startsWith('$'))) {
    throw new FilterError(`cannot nest $ under ${name}`);
  }
}

function isIn(operand) {
  requireArray('$in', operand);
  const patterns = operand.filter((element) => element instanceof RegExp).map(matches);
  const others = operand.filter((element) => !(element instanceof RegExp));
  const scalars = new Set(others.filter((element) => !isCompound(element)));
  const ids = new Set(others.filter((element) => element instanceof ObjectId).map(({ hex }) => hex));
  const compounds = others.filter((element) => isCompound(element) && !(element instanceof ObjectId)).map(equals);
  const hasNull = scalars.has(null);
  return (value) =>
    scalars.has(value) ||
    (value instanceof ObjectId && ids.has(value.hex)) ||
    (value === undefined && hasNull) ||
    (isCompound(value) && compounds.some((test) => test(value))) ||
    patterns.some((test) => test(value));
}

/** Values that a Set does not find by content. */
const isCompound = (value) => typeof value === 'object' && value !== null;

const matches = (pattern) => (value) => typeof value === 'string' && pattern.test(value);

function hasType(operand) {
  const tests = [operand].flat().map((type) => {
    const test = TYPES.get(type);
    if (!test) throw new FilterError(`unknown type name alias: ${JSON.stringify(type)}`);
    return test;
  });
  if (tests.length === 0) throw new FilterError('$type must match at least one type');
  return (value) => tests.some((test) => test(value));
}

function hasSize(operand) {
  if (!Number.isInteger(operand) || operand < 0) throw new FilterError('$size needs a non-negative integer');
  return (value) => Array.isArray(value) && value.length === operand;
}

function hasRemainder(operand) {
  if (!Array.isArray(operand) || operand.length !== 2) throw new FilterError('malformed mod, needs two numbers');
  const [divisor, remainder] = operand.map(Math.trunc);
  if (!divisor || Number.isNaN(remainder)) throw new FilterError('divisor and remainder of $mod must be numbers, not 0');
  return (value) => typeof value === 'number' && Math.trunc(value) % divisor === remainder;
}

/** The operand is a filter for elements that are objects, or operators for the elements themselves. */
function hasElement(operand, options) {
  if (!isObject(operand)) throw new FilterError('$elemMatch needs an Object');
  const first = Object.keys(operand)[0];
  const isFilter = first === undefined || !first.startsWith('$') || ['$and', '$or', '$nor'].includes(first);
  const query = new Query(isFilter ? operand : { element: operand }, options);
  const test = isFilter ? (element) => isObject(element) && query.test(element) : (element) => query.test({ element });
  return (value) => Array.isArray(value) && value.some(test);
}

const $elemMatch = anyValue(hasElement, { wholeArrays: true });
const $regex = anyValue(matches);
const isPresent = anyValue(() => (value) => value !== undefined, { wholeArrays: true });

/** Every member of the operand is found at the path; an empty operand finds nothing. */
const makeAll = ($eq) => (path, operand, options) => {
  if (!Array.isArray(operand)) throw new FilterError('$all needs an array');
  const tests = operand.map((member) => {
    if (isObject(member) && '$elemMatch' in member) return $elemMatch(path, member.$elemMatch, options);
    return member instanceof RegExp ? $regex(path, member) : $eq(path, member);
  });
  return (document) => tests.length > 0 && tests.every((test) => test(document));
};

const $exists = (path, operand) => (operand ? isPresent(path) : negated(isPresent)(path));

/** A test of values as the collation sees them. */
const collated = (makeTest, fold) => (operand) => {
  const test = makeTest(fold(operand));
  return (value) => test(fold(value));
};

/** mingo's context with exactly the operators that the sandbox offers. */
function makeContext(fold) {
  const compared = (makeTest) => anyValue(fold ? collated(makeTest, fold) : makeTest);
  const $eq = compared(equals);
  const $in = compared(isIn);
  return Context.init({
    query: {
      $and,
      $or,
      $nor,
      $not,
      $eq,
      $ne: negated($eq),
      $gt: compared(compares((order) => order > 0)),
      $gte: compared(compares((order) => order >= 0)),
      $lt: compared(compares((order) => order < 0)),
      $lte: compared(compares((order) => order <= 0)),
      $in,
      $nin: negated($in),
      $exists,
      $type: anyValue(hasType),
      $regex,
      $mod: anyValue(hasRemainder),
      $all: makeAll($eq),
      $size: anyValue(hasSize, { wholeArrays: true }),
      $elemMatch,
    },
  });
}

/** By the names of the collations. */
export const contexts = Object.fromEntries(Object.entries(COLLATIONS).map(([name, fold]) => [name, makeContext(fold)]));
