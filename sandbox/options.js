/*
 * The command line of server.js.
 */

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';

import { settingFromText, SETTINGS } from './http/settings.js';

const MAX_SCALE = 1_000_000;
const MAX_PORT = 65_535;
const OWN_LISTENERS = ['api', 'results', 'storage', 'api_tls', 'results_tls', 'storage_tls'];
const EXTRA_LISTENER = /^(\w+)(?:=(?:(https?):\/\/)?(\[[^\]]+\]|[^\]:/[]+)(?::(\d+))?)?$/;
const EXTRA_LISTENER_HINT = `must be NAME or NAME=ADDRESS, with a name other than ${OWN_LISTENERS.join(', ')}`;

export const USAGE = `usage: node server.js [options]
  --host ADDRESS         where to listen (127.0.0.1)
  --port N               port of the API, 0 for any (0)
  --results-port N       port of the results host, 0 for any (0)
  --tls-cert FILE, --tls-key FILE  certificate and key in PEM: both hosts listen on ports for HTTP/2 over TLS as well
  --extra-listener NAME[=[http[s]://]ADDRESS[:PORT]]  a host that is not to be asked; may be repeated
  --seed N               seed of the generated data (1)
  --scale N              documents in the largest resource, 1 to ${MAX_SCALE} (400)
  --count RESOURCE=N     documents in one resource; may be repeated
  --dealer ID            the dealer whose data these are (5f2b1c9e8d3a4b0012345678)
and each of the settings:
${SETTINGS.map(([name, expected, value]) => `  --${optionName(name)} VALUE  ${expected} (${asText(value)})`).join('\n')}`;

const text = (value) => ({ type: 'string', default: value });

const OPTIONS = {
  host: text('127.0.0.1'),
  port: text('0'),
  'results-port': text('0'),
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'extra-listener': { type: 'string', multiple: true, default: [] },
  seed: text('1'),
  scale: text('400'),
  count: { type: 'string', multiple: true, default: [] },
  dealer: text('5f2b1c9e8d3a4b0012345678'),
  ...Object.fromEntries(SETTINGS.map(([name]) => [optionName(name), { type: 'string' }])),
};

/** {host, port, resultsPort, tls, extra, dealerId, data, settings}; throws an Error that says what is wrong. */
export function parseOptions(args, resources) {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!/^[^/]+$/.test(values.dealer)) throw new Error('--dealer must be an id');
  const tls = readTls(values['tls-cert'], values['tls-key']);
  return {
    host: values.host,
    port: integer('--port', values.port, 0, MAX_PORT),
    resultsPort: integer('--results-port', values['results-port'], 0, MAX_PORT),
    tls,
    extra: extraListeners(values['extra-listener'], values.host, tls),
    dealerId: values.dealer,
    data: {
      seed: integer('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
      scale: integer('--scale', values.scale, 1, MAX_SCALE),
      counts: Object.fromEntries(values.count.map((count) => resourceCount(count, resources))),
    },
    settings: givenSettings(values),
  };
}

/** The settings that are given, by name. */
function givenSettings(values) {
  const given = SETTINGS.map(([name]) => [name, values[optionName(name)]]).filter(([, text_]) => text_ !== undefined);
  return Object.fromEntries(given.map(([name, text_]) => [name, settingFromText(name, text_)]));
}

/** A function, because the usage above needs it before constants are there. */
function optionName(setting) {
  return setting.replaceAll('_', '-');
}

function asText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** {cert, key}, which belong together, or null. */
function readTls(certFile, keyFile) {
  if (!certFile && !keyFile) return null;
  if (!certFile || !keyFile) throw new Error('--tls-cert and --tls-key are given together');
  const tls = { cert: read('--tls-cert', certFile), key: read('--tls-key', keyFile) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new Error(`--tls-cert and --tls-key: ${error.message}`);
  }
  return tls;
}

function read(name, file) {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
}

/** [{name, host, port, isSecure}] */
function extraListeners(texts, defaultHost, tls) {
  const listeners = texts.map((given) => {
    const [, name, scheme, host = defaultHost, port = '0'] = EXTRA_LISTENER.exec(given) ?? [];
    if (!name || OWN_LISTENERS.includes(name)) throw new Error(`--extra-listener ${EXTRA_LISTENER_HINT}, not ${given}`);
    const isSecure = scheme === 'https';
    if (isSecure && !tls) throw new Error(`--extra-listener ${given} needs --tls-cert and --tls-key`);
    const address = { host: host.replace(/^\[(.*)\]$/, '$1'), port: integer('--extra-listener', port, 0, MAX_PORT) };
    return { name, ...address, isSecure };
  });
  const twice = listeners.find(({ name }, index) => listeners.findIndex((other) => other.name === name) < index);
  if (twice) throw new Error(`--extra-listener ${twice.name} is given twice`);
  return listeners;
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
