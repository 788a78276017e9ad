/*
 * The sandbox CRM: a test double of the Walcu CRM's REST API, with generated data.
 * `node server.js --help` shows the options; the README tells the rest.
 *
 * When its listeners are ready it prints one line of JSON that says where they are.
 */

import { resourceSchemas } from './crm/description.js';
import { createDataset } from './data/index.js';
import { startListeners } from './listeners.js';
import { parseOptions, USAGE } from './options.js';
import { Sandbox } from './sandbox.js';

// A time without a zone means UTC to the service, wherever the sandbox runs.
process.env.TZ = 'UTC';

function optionsOrExit() {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  try {
    return parseOptions(process.argv.slice(2), [...resourceSchemas.keys()]);
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    return process.exit(2);
  }
}

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

/** What a client has to know, on one line. */
function introduction(listeners, dealerId, extra) {
  const [api, results, storage] = ['api', 'results', 'storage'].map((name) => listeners.get(name));
  const [tls, tlsResults, tlsStorage] = ['api_tls', 'results_tls', 'storage_tls'].map((name) => listeners.get(name));
  return {
    endpoint: api.url,
    results_endpoint: results.url,
    storage_endpoint: storage.url,
    port: api.server.address().port,
    results_port: results.server.address().port,
    ...(tls && { tls_endpoint: tls.url, tls_results_endpoint: tlsResults.url, tls_storage_endpoint: tlsStorage.url }),
    ...(extra.length > 0 && { extra_listeners: Object.fromEntries(extra.map(({ name }) => [name, listeners.get(name).url])) }),
    dealer_id: dealerId,
  };
}

const { dealerId, data, settings, ...addresses } = optionsOrExit();
const sandbox = new Sandbox({ dealerId, data, settings, createDataset });
const listeners = await startListeners(sandbox, addresses);
console.log(JSON.stringify(introduction(listeners, dealerId, addresses.extra)));
