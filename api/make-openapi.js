/*
 * Make the OpenAPI document of the Walcu CRM from the text of its Swagger page.
 *
 *     node api/make-openapi.js description.txt > api/openapi.json
 *
 * The page shows examples, not schemas, and leaves a few operations collapsed.  All
 * resources have the same seven operations, so the first resource is taken as the form
 * of every other; the script fails where the text contradicts that, or where two
 * examples of one resource differ.  Whoever maintains the document runs it; nothing
 * else depends on it.
 */
import { readFileSync } from 'node:fs';
import { parseDescription } from './lib/description.js';
import { buildDocument } from './lib/document.js';

const [descriptionPath] = process.argv.slice(2);
if (!descriptionPath) {
  console.error('usage: node make-openapi.js DESCRIPTION.txt > openapi.json');
  process.exit(2);
}

const description = parseDescription(readFileSync(descriptionPath, 'utf8'));
process.stdout.write(JSON.stringify(buildDocument(description), null, 2) + '\n');
