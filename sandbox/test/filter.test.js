/*
 * MongoDB's documented semantics as a table: what a filter matches and what it does not.
 * Each row was checked against MongoDB's manual or the tests of its matcher.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compileFilter } from '../mongo/filter.js';

const DAY = new Date('2024-05-06T00:00:00.000Z');
const LATER = new Date('2024-05-06T00:00:00.001Z');

/** What is tested, the filter, documents that match, documents that do not. */
const TABLE = [
  ['no condition', {}, [{}, { a: 1 }], []],
  ['equality', { a: 1 }, [{ a: 1 }, { a: [1] }, { a: [2, 1] }], [{ a: 2 }, { a: '1' }, { a: true }, {}, { a: [[1]] }]],
  ['equality with null', { a: null }, [{ a: null }, {}, { a: [1, null] }], [{ a: 0 }, { a: '' }, { a: [] }, { a: false }]],
  ['null below an object', { 'a.b': null }, [{ a: {} }, { a: { b: null } }, {}, { a: 1 }, { a: null }], [{ a: { b: 1 } }]],
  ['null below an array', { 'a.b': null }, [{ a: [{ b: 1 }, {}] }, { a: [{ b: null }] }], [{ a: [{ b: 1 }] }, { a: [] }, { a: [1] }]],
  ['a path through an array', { 'a.b': 1 }, [{ a: [{ b: 2 }, { b: 1 }] }, { a: [{ b: [1] }] }], [{ a: [[{ b: 1 }]] }, { a: [1] }]],
  ['an index', { 'a.1': 7 }, [{ a: [5, 7] }, { a: { 1: 7 } }, { a: [{ 1: 7 }] }], [{ a: [7] }, { a: [5, [7]] }]],
  ['an index on the way', { 'a.0.b': 1 }, [{ a: [{ b: 1 }, {}] }, { a: [[{ b: 1 }]] }], [{ a: [{ b: 2 }, { b: 1 }] }]],
  ['a whole array', { a: [1, 2] }, [{ a: [1, 2] }, { a: [[1, 2], 3] }], [{ a: [2, 1] }, { a: [1] }, { a: 1 }]],
  ['an empty array', { a: [] }, [{ a: [] }, { a: [[]] }], [{}, { a: null }, { a: [1] }]],
  ['a whole object', { a: { b: 1, c: 2 } }, [{ a: { b: 1, c: 2 } }, { a: [{ b: 1, c: 2 }] }], [{ a: { c: 2, b: 1 } }, { a: { b: 1 } }]],
  ['an empty object', { a: {} }, [{ a: {} }], [{}, { a: { b: 1 } }, { a: [] }]],
  ['a date', { a: DAY }, [{ a: new Date(DAY) }], [{ a: LATER }, { a: DAY.toISOString() }, { a: DAY.getTime() }]],
  ['names of Object.prototype', { constructor: null }, [{}], [{ constructor: 1 }]],

  ['$eq', { a: { $eq: 'x' } }, [{ a: 'x' }, { a: ['x'] }], [{ a: 'X' }, {}]],
  ['$ne', { a: { $ne: 1 } }, [{ a: 2 }, {}, { a: null }, { a: [] }, { a: '1' }], [{ a: 1 }, { a: [2, 1] }]],
  ['$ne null', { a: { $ne: null } }, [{ a: 0 }, { a: [] }], [{}, { a: null }, { a: [null] }]],

  ['$gt on numbers', { a: { $gt: 1 } }, [{ a: 1.5 }, { a: [0, 2] }], [{ a: 1 }, { a: '2' }, { a: null }, {}, { a: DAY }, { a: true }, { a: [[2]] }]],
  ['$gt on strings', { a: { $gt: 'b' } }, [{ a: 'ba' }, { a: 'c' }], [{ a: 'b' }, { a: 'B' }, { a: 5 }, { a: {} }, { a: ['a'] }]],
  ['$lt on strings', { a: { $lt: 'b' } }, [{ a: '' }, { a: 'a' }], [{ a: 'b' }, { a: 5 }, { a: null }, {}]],
  ['$lt on dates', { a: { $lt: LATER } }, [{ a: DAY }], [{ a: LATER }, { a: 0 }, { a: '2020' }]],
  ['$lt on booleans', { a: { $lt: true } }, [{ a: false }], [{ a: true }, { a: 0 }, { a: null }]],
  ['$gte null', { a: { $gte: null } }, [{ a: null }, {}], [{ a: 0 }, { a: 'x' }]],
  ['$gt null', { a: { $gt: null } }, [], [{ a: null }, {}, { a: 0 }]],
  ['$gt on arrays', { a: { $gt: [1, 2] } }, [{ a: [1, 3] }, { a: [2] }, { a: [1, 2, 0] }], [{ a: [1, 2] }, { a: 5 }]],
  ['$gt on objects', { a: { $gt: { b: 1 } } }, [{ a: { b: 2 } }, { a: { b: 1, c: 0 } }, { a: { c: 1 } }], [{ a: { b: 1 } }, { a: 9 }]],
  ['a range on an array', { a: { $gt: 3, $lt: 5 } }, [{ a: 4 }, { a: [1, 9] }], [{ a: [1, 2] }, { a: 3 }]],
  ['code points above U+FFFF', { a: { $gt: '\uffff' } }, [{ a: '\u{1F600}' }, { a: '\u{10000}' }], [{ a: '\ue000' }, { a: 'z' }]],
  ['code points below U+FFFF', { a: { $lt: '\u{1F600}' } }, [{ a: '\ue000' }, { a: '\uffff' }, { a: 'é' }], [{ a: '\u{1F601}' }]],

  ['$in', { a: { $in: [1, 'x'] } }, [{ a: 1 }, { a: ['x', 2] }], [{ a: 2 }, {}, { a: [[1]] }]],
  ['$in with null', { a: { $in: [null, 1] } }, [{}, { a: null }, { a: 1 }, { a: [null] }], [{ a: 2 }, { a: [] }]],
  ['$in with dates', { a: { $in: [DAY] } }, [{ a: new Date(DAY) }], [{ a: LATER }]],
  ['$in with objects and arrays', { a: { $in: [{ b: 1 }, [1]] } }, [{ a: { b: 1 } }, { a: [1] }], [{ a: 1 }, { a: {} }]],
  ['empty $in', { a: { $in: [] } }, [], [{}, { a: 1 }]],
  ['$nin', { a: { $nin: [1, null] } }, [{ a: 2 }, { a: '1' }, { a: [] }], [{ a: 1 }, {}, { a: null }, { a: [3, 1] }]],
  ['empty $nin', { a: { $nin: [] } }, [{}, { a: 1 }], []],

  ['$exists', { a: { $exists: true } }, [{ a: null }, { a: [] }, { a: 0 }], [{}]],
  ['$exists below arrays', { 'a.b': { $exists: true } }, [{ a: [{}, { b: null }] }], [{ a: [{}] }, { a: 1 }, {}]],
  ['$exists false', { a: { $exists: false } }, [{}], [{ a: null }, { a: false }]],

  ['$type string', { a: { $type: 'string' } }, [{ a: '' }, { a: [1, 'x'] }], [{ a: 1 }, { a: null }, {}, { a: DAY }]],
  ['$type by number', { a: { $type: 2 } }, [{ a: '' }], [{ a: 1 }]],
  ['$type null', { a: { $type: 'null' } }, [{ a: null }], [{}, { a: 0 }]],
  ['$type array', { a: { $type: 'array' } }, [{ a: [] }, { a: [1] }], [{ a: {} }, {}]],
  ['$type object', { a: { $type: 'object' } }, [{ a: {} }, { a: [{}] }], [{ a: [] }, { a: DAY }]],
  ['$type number', { a: { $type: 'number' } }, [{ a: 1 }, { a: 1.5 }], [{ a: '1' }]],
  ['$type int and double', { a: { $type: 'int' } }, [{ a: 1 }], [{ a: 1.5 }, { a: 3e9 }]],
  ['$type date', { a: { $type: 'date' } }, [{ a: DAY }], [{ a: DAY.toISOString() }]],
  ['several types', { a: { $type: ['bool', 'date'] } }, [{ a: true }, { a: DAY }], [{ a: 1 }]],

  ['$not', { a: { $not: { $gt: 1 } } }, [{ a: 1 }, {}, { a: 'x' }, { a: null }], [{ a: 2 }, { a: [0, 2] }]],
  ['$not $type', { a: { $not: { $type: 'date' } } }, [{}, { a: 'x' }], [{ a: DAY }]],
  ['$not $regex', { a: { $not: { $regex: '^x', $options: 'i' } } }, [{}, { a: 'y' }, { a: 5 }], [{ a: 'Xy' }, { a: ['y', 'x'] }]],
  ['$and', { $and: [{ a: 1 }, { b: 2 }] }, [{ a: 1, b: 2 }], [{ a: 1 }]],
  ['$or', { $or: [{ a: 1 }, { b: 2 }] }, [{ a: 1 }, { b: 2 }], [{}, { a: 2 }]],
  ['$nor', { $nor: [{ a: 1 }, { b: null }] }, [{ b: 2 }], [{ a: 1, b: 2 }, {}]],
  ['nested logic', { $or: [{ $and: [{ a: 1 }, { $nor: [{ b: 1 }] }] }, { c: 1 }] }, [{ a: 1 }, { c: 1, b: 1 }], [{ a: 1, b: 1 }]],

  ['$regex', { a: { $regex: 'b' } }, [{ a: 'abc' }, { a: ['x', 'b'] }], [{ a: 'x' }, { a: 5 }, {}, { a: ['x', ['b']] }]],
  ['$all', { a: { $all: [1, 2] } }, [{ a: [2, 3, 1] }], [{ a: [1] }, { a: 1 }, {}]],
  ['$all with one', { a: { $all: [1] } }, [{ a: 1 }, { a: [1, 2] }], [{ a: 2 }]],
  ['$all with an array', { a: { $all: [[1]] } }, [{ a: [1] }, { a: [[1], 2] }], [{ a: 1 }]],
  ['$all of $elemMatch', { a: { $all: [{ $elemMatch: { b: 1 } }, { $elemMatch: { c: 1 } }] } }, [{ a: [{ b: 1 }, { c: 1 }] }], [{ a: [{ b: 1 }] }]],
  ['empty $all', { a: { $all: [] } }, [], [{}, { a: [] }]],
  ['$size', { a: { $size: 2 } }, [{ a: [1, 2] }], [{ a: [1] }, { a: 2 }, {}, { a: [[1, 2]] }]],
  ['$mod', { a: { $mod: [4, 1] } }, [{ a: 5 }, { a: 5.9 }, { a: [2, 9] }], [{ a: 4 }, { a: '5' }, {}]],
  ['$elemMatch on objects', { a: { $elemMatch: { b: 1, c: 2 } } }, [{ a: [{ b: 1, c: 2 }] }], [{ a: [{ b: 1 }, { c: 2 }] }, { a: { b: 1, c: 2 } }]],
  ['$elemMatch on values', { a: { $elemMatch: { $gt: 3, $lt: 5 } } }, [{ a: [1, 4] }], [{ a: [1, 9] }, { a: 4 }]],
  ['$elemMatch with null', { a: { $elemMatch: { b: null } } }, [{ a: [{}] }], [{ a: [1] }, { a: [] }]],
  ['$elemMatch with $or', { a: { $elemMatch: { $or: [{ b: 1 }, { c: 1 }] } } }, [{ a: [{ c: 1 }] }], [{ a: [{ b: 2 }] }]],
  ['$comment', { a: 1, $comment: 'why' }, [{ a: 1 }], [{ a: 2 }]],
];

for (const [name, filter, matching, others] of TABLE) {
  test(`filter: ${name}`, () => {
    const matches = compileFilter(filter);
    for (const document of matching) assert.equal(matches(document), true, `matches ${JSON.stringify(document)}`);
    for (const document of others) assert.equal(matches(document), false, `does not match ${JSON.stringify(document)}`);
  });
}

const WRONG = [
  { $foo: 1 },
  { a: { $foo: 1 } },
  { a: { $gt: 1, b: 2 } },
  { $where: 'true' },
  { $expr: { $eq: ['$a', 1] } },
  { $or: [] },
  { $or: { a: 1 } },
  { $or: [1] },
  { a: { $in: 1 } },
  { a: { $in: [{ $gt: 1 }] } },
  { a: { $all: 1 } },
  { a: { $size: -1 } },
  { a: { $size: 'x' } },
  { a: { $type: 'text' } },
  { a: { $type: [] } },
  { a: { $not: 1 } },
  { a: { $not: {} } },
  { a: { $mod: [0, 1] } },
  { a: { $mod: [2] } },
  { a: { $elemMatch: 1 } },
  { a: { $regex: 5 } },
  { a: { $regex: 'a', $options: 'q' } },
  { a: { $options: 'i' } },
];

for (const filter of WRONG) {
  test(`filter refused: ${JSON.stringify(filter)}`, () => {
    assert.throws(() => compileFilter(filter), { name: 'Error', message: /./ });
  });
}
