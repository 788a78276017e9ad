/*
 * `search`: a small part of the vendor's query language (WQL), whose grammar is not published.
 * Used by find.js. The grammar is described in the README.
 *
 *   search    = condition { "and" condition } | free text
 *   condition = field operator value
 *   operator  = "=" | "!=" | ">" | ">=" | "<" | "<="
 *   value     = "..." | '...' | number | true | false | null | $today | word
 */

import { isObject } from '../mongo/paths.js';

const CONDITION = /^\s*([\w.]+)\s*(=|!=|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)\s*/;
const AND = /^and\s+/i;
const DAY_MS = 86_400_000;

const WORDS = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const OPERATORS = {
  '=': (value) => value,
  '!=': (value) => ({ $ne: value }),
  '>': (value) => ({ $gt: value }),
  '>=': (value) => ({ $gte: value }),
  '<': (value) => ({ $lt: value }),
  '<=': (value) => ({ $lte: value }),
};

/** The same for a value that lasts from a start to before an end, as $today does. */
const RANGE_OPERATORS = {
  '=': ([start, end]) => ({ $gte: start, $lt: end }),
  '!=': ([start, end]) => ({ $not: { $gte: start, $lt: end } }),
  '>': ([, end]) => ({ $gte: end }),
  '>=': ([start]) => ({ $gte: start }),
  '<': ([start]) => ({ $lt: start }),
  '<=': ([, end]) => ({ $lt: end }),
};

/**
 * {conditions: a filter, not yet cast} or {text: a test of the document as it is sent}, neither when
 * nothing is searched for; and a key that is the same for the same meaning.
 */
export function compileSearch(search = '') {
  const source = search.trim();
  if (source === '') return { key: '' };
  const parsed = parseConditions(source);
  if (!parsed) return { text: textTest(source), key: source };
  const conditions = { $and: parsed };
  return { conditions, key: JSON.stringify(conditions) };
}

/** The conditions, or null when the search is not made of conditions. */
function parseConditions(source) {
  const conditions = [];
  for (let rest = source; rest !== '' || conditions.length === 0; ) {
    if (conditions.length > 0) {
      if (!AND.test(rest)) return null;
      rest = rest.replace(AND, '');
    }
    const match = CONDITION.exec(rest);
    if (!match) return null;
    const [whole, field, operator, value] = match;
    conditions.push({ [field]: value === '$today' ? RANGE_OPERATORS[operator](today()) : OPERATORS[operator](literal(value)) });
    rest = rest.slice(whole.length);
  }
  return conditions;
}

/** Today in UTC, as the service's clock has it. */
function today() {
  const start = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  return [start, start + DAY_MS].map((time) => new Date(time).toISOString());
}

function literal(text) {
  if (/^["']/.test(text)) return text.slice(1, -1).replace(/\\(.)/gs, '$1');
  if (WORDS.has(text)) return WORDS.get(text);
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Free text: any string in the document contains it, in whatever case. */
function textTest(text) {
  const wanted = text.toLowerCase();
  const contains = (value) => {
    if (typeof value === 'string') return value.toLowerCase().includes(wanted);
    if (Array.isArray(value)) return value.some(contains);
    return isObject(value) && Object.values(value).some(contains);
  };
  return contains;
}
