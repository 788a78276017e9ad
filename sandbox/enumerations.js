/*
 * The values of texts that have a few: states, kinds, directions.
 *
 *     node sandbox/enumerations.js
 *
 * Prints {resource: {path: {described, values}}} as JSON. `described` is the one value that the service's
 * description shows, where it says that there are several; `values` are those of the data set of
 * `make demo`. A text is taken for one of these if its values are words of a program's own, not of people.
 * Used by scripts/data-page.
 */
import { isFreeForm, resourceSchemas } from './crm/description.js';
import { createDataset } from './data/index.js';

const MOST = 12;
const WORD = /^[A-Za-z][A-Za-z_-]*[0-9]?$/;
const DESCRIBED = /^One of several values, such as `(.*)`\.$/;

/** [path, what the description shows] of the texts within objects, not in arrays. */
function* texts(schema, path = []) {
  for (const [name, field] of Object.entries(schema.properties)) {
    if (isFreeForm(name)) continue;
    if (field.properties) yield* texts(field, [...path, name]);
    else if (field.type === 'string' && !field.format) yield [[...path, name], DESCRIBED.exec(field.description)?.[1]];
  }
}

/** How often each text stands there. */
function countTexts(documents, path) {
  const counts = new Map();
  for (const document of documents) {
    const value = path.reduce((outer, name) => outer?.[name], document);
    if (typeof value === 'string') counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** Undefined if people's own texts stand there. What stands there once may be spoilt. */
function valuesOf(counts) {
  const usual = [...counts].filter(([, count]) => count > 1).map(([value]) => value);
  const all = [...counts.keys()].filter((value) => WORD.test(value));
  return usual.length > 1 && usual.length <= MOST && usual.every((value) => WORD.test(value)) ? all.sort() : undefined;
}

function enumerationsOf(dataset, resource) {
  const documents = Array.from({ length: dataset.count(resource) }, (_, index) => dataset.document(resource, index));
  const found = {};
  for (const [path, described] of texts(resourceSchemas.get(resource))) {
    const values = valuesOf(countTexts(documents, path));
    if (described || values) found[path.join('.')] = { described, values: values ?? [] };
  }
  return found;
}

const demo = createDataset({ seed: 1, scale: 400, dealerId: '5f2b1c9e8d3a4b0012345678' });
process.stdout.write(`${JSON.stringify(Object.fromEntries(demo.resources.map((resource) => [resource, enumerationsOf(demo, resource)])), null, 2)}\n`);
