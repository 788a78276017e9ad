/*
 * The command line of server.js.
 */

import { parseArgs } from 'node:util';

import { makeSettings } from './http/settings.js';

const MAX_SCALE = 1_000_000;
const MAX_PORT = 65_535;

export const USAGE = `usage: node server.js [options]
  --host ADDRESS         where to listen (127.0.0.1)
  --port N               port of the API, 0 for any (0)
  --results-port N       port of the results host, 0 for any (0)
  --seed N               seed of the generated data (1)
  --scale N              documents in the largest resource, 1 to ${MAX_SCALE} (400)
  --count RESOURCE=N     documents in one resource; may be repeated
  --auth CREDENTIALS     bearer:TOKEN, basic:USER:PASSWORD, header:NAME:VALUE or none (bearer:sandbox-token)
  --dealer ID            the dealer whose data these are (5f2b1c9e8d3a4b0012345678)
  --sort-format FORMAT   mongoose, comma or json (mongoose)
  --project-format FORMAT  mongoose, comma or json (mongoose)`;

const text = (value) => ({ type: 'string', default: value });

const OPTIONS = {
  host: text('127.0.0.1'),
  port: text('0'),
  'results-port': text('0'),
  seed: text('1'),
  scale: text('400'),
  count: { type: 'string', multiple: true, default: [] },
  auth: text('bearer:sandbox-token'),
  dealer: text('5f2b1c9e8d3a4b0012345678'),
  'sort-format': text('mongoose'),
  'project-format': text('mongoose'),
};

/** {host, port, resultsPort, dealerId, data, settings}; throws an Error that says what is wrong. */
export function parseOptions(args, resources) {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!/^[^/]+$/.test(values.dealer)) throw new Error('--dealer must be an id');
  const settings = {
    auth: values.auth,
    sort_format: values['sort-format'],
    project_format: values['project-format'],
  };
  makeSettings(settings);
  return {
    host: values.host,
    port: integer('--port', values.port, 0, MAX_PORT),
    resultsPort: integer('--results-port', values['results-port'], 0, MAX_PORT),
    dealerId: values.dealer,
    data: {
      seed: integer('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
      scale: integer('--scale', values.scale, 1, MAX_SCALE),
      counts: Object.fromEntries(values.count.map((count) => resourceCount(count, resources))),
    },
    settings,
  };
}

function resourceCount(text_, resources) {
  const [, resource, count] = /^(.*)=(.*)$/.exec(text_) ?? [];
  if (!resources.includes(resource)) throw new Error(`--count needs RESOURCE=N with one of ${resources.join(', ')}`);
  return [resource, integer('--count', count, 0, MAX_SCALE)];
}

function integer(name, value, min, max) {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max) throw new Error(`${name} must be ${min} to ${max}, not ${value}`);
  return number;
}
