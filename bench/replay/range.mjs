/*
 * Which documents, in the order of their ids, does a filter name that is nothing but ranges of _id?
 * Used by server.mjs.
 */

/* Operator, and the bound's new place from the first id that is not below the value, and the first above it. */
const OPERATORS = {
  $gt: (range, least, above) => ({ ...range, from: Math.max(range.from, above) }),
  $gte: (range, least) => ({ ...range, from: Math.max(range.from, least) }),
  $lt: (range, least) => ({ ...range, to: Math.min(range.to, least) }),
  $lte: (range, least, above) => ({ ...range, to: Math.min(range.to, above) }),
};

/** {from, to}: positions in the sorted ids; to is the first one behind. */
export function rangeOf(ids, q) {
  const range = narrow(ids, { from: 0, to: ids.length }, q ? JSON.parse(q) : {});
  return { from: range.from, to: Math.max(range.from, range.to) };
}

function narrow(ids, range, filter) {
  return Object.entries(filter).reduce((narrower, [key, value]) => {
    if (key === '$and') return value.reduce((part, each) => narrow(ids, part, each), narrower);
    if (key !== '_id') throw new Error(`this filter is not served here: ${key}`);
    return Object.entries(value).reduce((part, [operator, id]) => {
      if (!OPERATORS[operator]) throw new Error(`this operator is not served here: ${operator}`);
      const least = lowerBound(ids, id);
      return OPERATORS[operator](part, least, ids[least] === id ? least + 1 : least);
    }, narrower);
  }, range);
}

/* The first position whose id is not below the given one. */
function lowerBound(ids, id) {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
