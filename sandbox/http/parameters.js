/*
 * The query string of a request: its parameters as text, and what they mean to a list.
 * Used by the operations of the API and, for the text, by the log and the faults.
 */

import { HttpError } from './errors.js';
import { parseProjection, parseSort } from './formats.js';

/** Parameters by name, percent-decoded. A parameter may be given once. */
export function parseQueryString(url) {
  const start = url.indexOf('?');
  const parameters = new Map();
  if (start < 0) return parameters;
  for (const pair of url.slice(start + 1).split('&').filter(Boolean)) {
    const [name, value = ''] = pair.split(/=(.*)/s, 2).map(decode);
    if (parameters.has(name)) throw new HttpError(400, `the parameter ${name} is given more than once`);
    parameters.set(name, value);
  }
  return parameters;
}

function decode(text) {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpError(400, `malformed percent-encoding in the query string: ${text.slice(0, 100)}`);
  }
}

/** Parameters that the settings may refuse, and those that they may leave unread. */
const REFUSABLE = ['search', 'group_by'];
const IGNORABLE = ['sort', 'project'];

/** What a list or a job is asked for: {filter, search, sort, project, skip, limit, groupBy}. */
export function listParameters(given, settings) {
  const refused = REFUSABLE.find((name) => settings[name] === 'refused' && given.has(name));
  if (refused) throw new HttpError(400, `${refused} is not supported`);
  const parameters = new Map([...given].filter(([name]) => !IGNORABLE.includes(name) || settings[name] !== 'ignored'));
  const misreads = settings.other_formats === 'misread';
  return {
    filter: jsonParameter(parameters, 'q'),
    search: parameters.get('search'),
    sort: parseSort(parameters.get('sort'), settings.sort_format, misreads),
    project: parseProjection(parameters.get('project'), settings.project_format, misreads),
    skip: countParameter(parameters, 'skip'),
    limit: countParameter(parameters, 'limit'),
    groupBy: jsonParameter(parameters, 'group_by'),
  };
}

function jsonParameter(parameters, name) {
  if (!parameters.has(name)) return undefined;
  let value;
  try {
    value = JSON.parse(parameters.get(name));
  } catch (error) {
    throw new HttpError(400, `${name} is not valid JSON: ${error.message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HttpError(400, `${name} must be a JSON object`);
  }
  return value;
}

function countParameter(parameters, name) {
  if (!parameters.has(name)) return 0;
  const text = parameters.get(name);
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new HttpError(400, `${name} must be a non-negative integer, not ${text.slice(0, 100)}`);
  }
  return value;
}
