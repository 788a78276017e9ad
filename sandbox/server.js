/*
 * The sandbox CRM: a test double of the Walcu CRM's REST API, with generated data.
 * `node server.js --help` shows the options; the README tells the rest.
 *
 * When both listeners are ready it prints one line of JSON that says where they are.
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

const { dealerId, data, settings, ...addresses } = optionsOrExit();
const sandbox = new Sandbox({ dealerId, data, settings, createDataset });
const [api, results] = await startListeners(sandbox, addresses);
console.log(
  JSON.stringify({
    endpoint: sandbox.endpoint,
    results_endpoint: sandbox.resultsEndpoint,
    port: api.address().port,
    results_port: results.address().port,
    dealer_id: dealerId,
  }),
);
