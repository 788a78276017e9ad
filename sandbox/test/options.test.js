/* The command line of server.js. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SETTINGS } from '../http/settings.js';
import { parseOptions, USAGE } from '../options.js';
import { makeCertificate } from './support/certificate.js';

const { certFile, keyFile, cert, key } = makeCertificate();
const { keyFile: otherKeyFile } = makeCertificate();
const TLS = `--tls-cert ${certFile} --tls-key ${keyFile}`;
const plain = (name, host = '127.0.0.1', port = 0) => ({ name, host, port, isSecure: false });

const RESOURCES = ['cars', 'clients'];
const DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  resultsPort: 0,
  tls: null,
  extra: [],
  dealerId: '5f2b1c9e8d3a4b0012345678',
  data: { seed: 1, scale: 400, counts: {} },
  settings: {},
};
const parse = (...args) => parseOptions(args, RESOURCES);

test('the defaults', () => {
  assert.deepEqual(parse(), DEFAULTS);
});

/** Arguments, and what they change. */
const UNDERSTOOD = [
  ['--host ::1', { host: '::1' }],
  ['--port 8080', { port: 8080 }],
  ['--port=65535 --results-port=1', { port: 65535, resultsPort: 1 }],
  ['--dealer d1', { dealerId: 'd1' }],
  ['--seed 0', { data: { ...DEFAULTS.data, seed: 0 } }],
  ['--seed 9007199254740991', { data: { ...DEFAULTS.data, seed: 9007199254740991 } }],
  ['--scale 1', { data: { ...DEFAULTS.data, scale: 1 } }],
  ['--scale 1000000', { data: { ...DEFAULTS.data, scale: 1_000_000 } }],
  ['--count cars=0 --count clients=1000000', { data: { ...DEFAULTS.data, counts: { cars: 0, clients: 1_000_000 } } }],
  ['--auth basic:user:pass:word', { settings: { auth: 'basic:user:pass:word' } }],
  ['--auth header:X-Key:value', { settings: { auth: 'header:X-Key:value' } }],
  ['--auth none', { settings: { auth: 'none' } }],
  [TLS, { tls: { cert, key } }],
  ['--extra-listener evil', { extra: [plain('evil')] }],
  ['--host ::1 --extra-listener evil', { host: '::1', extra: [plain('evil', '::1')] }],
  ['--extra-listener a=127.0.0.2 --extra-listener b=localhost:8080', { extra: [plain('a', '127.0.0.2'), plain('b', 'localhost', 8080)] }],
  ['--extra-listener evil=http://[::1]:1', { extra: [plain('evil', '::1', 1)] }],
  [`${TLS} --extra-listener evil=https://127.0.0.1`, { tls: { cert, key }, extra: [{ ...plain('evil'), isSecure: true }] }],
  ['--page-cap 7 --strict-query true --patch rfc6902', { settings: { page_cap: 7, strict_query: 'true', patch: 'rfc6902' } }],
  ['--rate-limit {"per_second":5} --compress ["gzip"]', { settings: { rate_limit: { per_second: 5 }, compress: ['gzip'] } }],
  ['--ids objectid --mongoose 5', { settings: { ids: 'objectid', mongoose: 5 } }],
  ['--filter-status 500 --id-status 422', { settings: { filter_status: 500, id_status: 422 } }],
  ['--sort-format json --project-format comma', { settings: { sort_format: 'json', project_format: 'comma' } }],
];

for (const [args, changes] of UNDERSTOOD) {
  test(args, () => assert.deepEqual(parse(...args.split(' ')), { ...DEFAULTS, ...changes }));
}

/** Arguments that are refused, and what the message says. */
const REFUSED = [
  [['--nope'], /--nope/],
  [['cars'], /cars/],
  [['--port'], /--port/],
  [['--port', 'http'], /--port must be 0 to 65535, not http/],
  [['--port', '65536'], /--port must be/],
  [['--port=-1'], /--port must be/],
  [['--port', '1.5'], /--port must be/],
  [['--port', ''], /--port must be/],
  [['--results-port', 'x'], /--results-port must be/],
  [['--tls-cert', certFile], /--tls-cert and --tls-key are given together/],
  [['--tls-key', keyFile], /--tls-cert and --tls-key are given together/],
  [['--tls-cert', '/nowhere', '--tls-key', keyFile], /--tls-cert: ENOENT/],
  [['--tls-cert', certFile, '--tls-key', '/nowhere'], /--tls-key: ENOENT/],
  [['--tls-cert', certFile, '--tls-key', otherKeyFile], /--tls-cert and --tls-key: .*key values mismatch/],
  [['--tls-cert', keyFile, '--tls-key', keyFile], /--tls-cert and --tls-key: /],
  [['--extra-listener', ''], /--extra-listener must be NAME or NAME=ADDRESS/],
  [['--extra-listener', 'api'], /with a name other than api, results, storage, api_tls, results_tls, storage_tls, not api/],
  [['--extra-listener', 'evil='], /--extra-listener must be/],
  [['--extra-listener', 'evil=ftp://localhost'], /--extra-listener must be/],
  [['--extra-listener', 'evil=localhost:x'], /--extra-listener must be/],
  [['--extra-listener', 'evil=localhost:65536'], /--extra-listener must be 0 to 65535/],
  [['--extra-listener', 'a', '--extra-listener', 'a=127.0.0.2'], /--extra-listener a is given twice/],
  [['--extra-listener', 'evil=https://localhost'], /needs --tls-cert and --tls-key/],
  [['--seed', '9007199254740992'], /--seed must be/],
  [['--scale', '0'], /--scale must be 1 to 1000000, not 0/],
  [['--scale', '1000001'], /--scale must be/],
  [['--scale', '1e3'], /--scale must be/],
  [['--count', 'planes=1'], /--count needs RESOURCE=N with one of cars, clients/],
  [['--count', 'cars'], /--count needs RESOURCE=N/],
  [['--count', 'cars=x'], /--count must be 0 to 1000000, not x/],
  [['--auth', 'digest:x'], /auth must be bearer:TOKEN/],
  [['--auth', 'header:X-Key'], /auth must be/],
  [['--dealer', ''], /--dealer must be an id/],
  [['--dealer', 'a/b'], /--dealer must be an id/],
  [['--sort-format', 'sql'], /sort_format must be one of/],
  [['--project-format', 'sql'], /project_format must be one of/],
  [['--page-cap', '0'], /page_cap must be an integer of at least 1, not 0/],
  [['--page-cap', 'x'], /page_cap must be/],
  [['--strict-query', ''], /strict_query must be/],
];

for (const [args, message] of REFUSED) {
  test(`refused: ${args.join(' ')}`, () => {
    assert.throws(() => parse(...args), { message });
  });
}

test('the usage names every option', () => {
  for (const name of ['host', 'port', 'results-port', 'tls-cert', 'tls-key', 'extra-listener', 'seed', 'scale', 'count', 'dealer', ...SETTINGS.map(([name]) => name.replaceAll('_', '-'))]) {
    assert.ok(USAGE.includes(`--${name} `), name);
  }
});
