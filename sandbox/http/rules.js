/*
 * Fault rules: which requests a fault hits, and how often. Kept by the sandbox, filled through the
 * control surface, asked by exchange.js for every request.
 */

import { FAULTS } from './faults.js';

const RULE_KEYS = ['match', 'skip', 'times', 'fault'];
const TEXT_MATCHES = ['method', 'resource', 'kind'];
const MATCH_KEYS = [...TEXT_MATCHES, 'path', 'query'];

export class FaultRules {
  #rules = new Map();
  #lastId = 0;

  /** Adds rules, all or none, and gives their ids. Throws a RangeError that says what is wrong with one. */
  add(definitions) {
    definitions.forEach(checkRule);
    return definitions.map(({ match = {}, skip = 0, times = null, fault }) => {
      const id = ++this.#lastId;
      this.#rules.set(id, { id, match, skip, times, fault, matches: makeMatcher(match), seen: 0, applied: 0 });
      return id;
    });
  }

  remove(id) {
    return this.#rules.delete(id);
  }

  clear() {
    this.#rules.clear();
    this.#lastId = 0;
  }

  list() {
    return [...this.#rules.values()].map(({ matches, random, ...shown }) => shown);
  }

  /** The rules that hit this request now, counting it. */
  hitting(call) {
    return [...this.#rules.values()].filter((rule) => {
      if (!rule.matches(call) || ++rule.seen <= rule.skip) return false;
      if (rule.times !== null && rule.applied >= rule.times) return false;
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
  checkKeys('a rule', rule, RULE_KEYS);
  const { match = {}, skip = 0, times = null, fault } = rule;
  checkKeys('match', match, MATCH_KEYS);
  for (const name of TEXT_MATCHES) {
    if (match[name] !== undefined && typeof match[name] !== 'string') throw new RangeError(`match.${name} must be text`);
  }
  if (match.path !== undefined) checkPattern('match.path', match.path);
  checkKeys('match.query', match.query ?? {}, null);
  for (const [name, pattern] of Object.entries(match.query ?? {})) checkPattern(`match.query.${name}`, pattern);
  if (!Number.isInteger(skip) || skip < 0) throw new RangeError('skip must be a non-negative integer');
  if (times !== null && (!Number.isInteger(times) || times < 1)) throw new RangeError('times must be null or at least 1');
  checkFault(fault);
}

function checkFault(fault) {
  const type = fault?.type;
  if (typeof type !== 'string' || !Object.hasOwn(FAULTS, type)) {
    throw new RangeError(`fault.type must be one of ${Object.keys(FAULTS).join(', ')}, not ${JSON.stringify(type)}`);
  }
  const { fields } = FAULTS[type];
  checkKeys(`the fault ${type}`, fault, ['type', ...Object.keys(fields)]);
  for (const [name, test] of Object.entries(fields)) {
    if (fault[name] === undefined && test.optional) continue;
    if (!test(fault[name])) throw new RangeError(`the fault ${type} needs another ${name} than ${JSON.stringify(fault[name])}`);
  }
}

function checkKeys(what, value, known) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RangeError(`${what} must be an object`);
  const strange = known && Object.keys(value).find((key) => !known.includes(key));
  if (strange) throw new RangeError(`${what} has no ${strange}: it has ${known.join(', ')}`);
}

function checkPattern(what, pattern) {
  try {
    if (typeof pattern === 'string') return new RegExp(pattern);
  } catch {
    // Said below, as for what is not text at all.
  }
  throw new RangeError(`${what} must be a regular expression`);
}
