/*
 * Fault rules: which requests a fault hits, and how often. Kept by the sandbox, filled through the
 * control surface, asked by exchange.js for every request.
 */

import { hashSeed, Random } from '../data/random.js';
import { byName, checkFields, fraction, integer, object, oneOf, optional, pattern, text } from './checks.js';
import { FAULTS } from './faults.js';

const RULE_FIELDS = {
  match: optional(object),
  skip: optional(integer(0)),
  times: optional({ expected: 'null or an integer of at least 1', accepts: (value) => value === null || integer(1).accepts(value) }),
  probability: optional(fraction),
  seed: optional(integer(0)),
  fault: object,
};

const MATCH_FIELDS = {
  listener: optional(text),
  method: optional(text),
  resource: optional(text),
  kind: optional(text),
  path: optional(pattern),
  query: optional(byName(pattern)),
};

export class FaultRules {
  #rules = new Map();
  #lastId = 0;

  /** Adds rules, all or none, and gives their ids. Throws a RangeError that says what is wrong with one. */
  add(definitions) {
    definitions.forEach(checkRule);
    return definitions.map(({ match = {}, skip = 0, times = null, probability = 1, seed = 1, fault }) => {
      const id = ++this.#lastId;
      const shown = { id, match, skip, times, probability, seed, fault };
      this.#rules.set(id, {
        ...shown,
        matches: makeMatcher(match),
        draws: new Random(hashSeed(seed)),
        end: new AbortController(),
        seen: 0,
        applied: 0,
      });
      return id;
    });
  }

  remove(id) {
    this.#rules.get(id)?.end.abort();
    return this.#rules.delete(id);
  }

  clear() {
    for (const { end } of this.#rules.values()) end.abort();
    this.#rules.clear();
    this.#lastId = 0;
  }

  list() {
    return [...this.#rules.values()].map(({ matches, draws, end, ...shown }) => shown);
  }

  /** The rules that hit this request now, counting it. */
  hitting(call) {
    return [...this.#rules.values()].filter((rule) => {
      if (!rule.matches(call) || ++rule.seen <= rule.skip) return false;
      if (rule.times !== null && rule.applied >= rule.times) return false;
      if (!rule.draws.chance(rule.probability)) return false;
      rule.applied++;
      return true;
    });
  }
}

function makeMatcher({ path, query = {}, ...texts }) {
  const pathPattern = path === undefined ? null : new RegExp(path);
  const queryPatterns = Object.entries(query).map(([name, pattern]) => [name, new RegExp(pattern)]);
  return ({ entry, parameters }) =>
    Object.entries(texts).every(([name, text]) => entry[name] === text) &&
    (!pathPattern || pathPattern.test(entry.path)) &&
    queryPatterns.every(([name, pattern]) => parameters.has(name) && pattern.test(parameters.get(name)));
}

function checkRule(rule) {
  checkFields('a rule', rule, RULE_FIELDS);
  checkFields('match', rule.match ?? {}, MATCH_FIELDS);
  const { type, ...fields } = rule.fault;
  checkFields('the fault', { type }, { type: oneOf(...Object.keys(FAULTS)) });
  checkFields(`the fault ${type}`, fields, FAULTS[type].fields);
}
