/*
 * api/openapi.json: it is a valid OpenAPI document, it is complete, and its schemas have
 * the sizes that were counted by hand in the vendor's description.
 *
 * It lives here because the validator is a dependency of the sandbox; the extension
 * itself has none from npm.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import SwaggerParser from '@apidevtools/swagger-parser';

const text = readFileSync(new URL('../../api/openapi.json', import.meta.url), 'utf8');
const api = JSON.parse(text);
const schemas = api.components.schemas;

/* resource: [schema, top-level fields, leaves] */
const SIZES = {
  aftersaleleads: ['aftersalelead', 29, 204],
  appraisalleads: ['appraisallead', 30, 238],
  cars: ['car', 51, 169],
  chatmessages: ['chatmessage', 22, 32],
  chatproviders: ['chatprovider', 23, 40],
  chatsessions: ['chatsession', 18, 33],
  clients: ['client', 21, 136],
  clientvehicles: ['clientvehicle', 46, 101],
  conferences: ['conference', 46, 108],
  contacts: ['contact', 16, 33],
  dates: ['date', 22, 28],
  leadimporttasks: ['leadimporttask', 18, 35],
  notes: ['note', 18, 23],
  offers: ['offer', 26, 41],
  repairorders: ['repairorder', 20, 41],
  saleleads: ['salelead', 30, 300],
  sms: ['sms', 24, 34],
  tasks: ['task', 17, 22],
  whatsappmessages: ['whatsappmessage', 26, 31],
  whatsappsessions: ['whatsappsession', 23, 31],
};

const QUERY_PARAMETERS = {
  all: ['q', 'search', 'sort', 'project'],
  list: ['q', 'search', 'skip', 'limit', 'sort', 'project', 'group_by'],
};

test('is a valid OpenAPI document', async () => {
  const valid = await SwaggerParser.validate(structuredClone(api));
  assert.equal(valid.openapi, '3.0.3');
});

test('is written as the script writes it', () => {
  assert.equal(text, JSON.stringify(api, null, 2) + '\n');
});

test('has seven operations for each of the 20 resources', () => {
  const paths = Object.entries(SIZES).flatMap(([resource, [name]]) =>
    [`/${resource}/{${name}_id}`, `/${resource}/all`, `/${resource}`]);
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })));

  assert.deepEqual(Object.keys(api.paths).sort(), paths.sort());
  assert.equal(operations.length, 140);
  assert.equal(new Set(operations.map((o) => o.operationId)).size, 140);
  for (const { path, summary, tags, responses } of operations) {
    assert.ok(summary, path);
    assert.equal(tags.length, 1, path);
    assert.ok(responses[200].content['application/json'].schema, path);
  }
});

for (const [resource, [name]] of Object.entries(SIZES)) {
  test(`${resource}: bodies, parameters and headers`, () => {
    const document = { $ref: `#/components/schemas/${name}` };
    const documents = { type: 'array', items: document };
    const { get, delete: remove, patch, put } = api.paths[`/${resource}/{${name}_id}`];
    const { get: all } = api.paths[`/${resource}/all`];
    const { get: list, post } = api.paths[`/${resource}`];

    for (const operation of [get, remove, patch, put]) {
      const [parameter, ...others] = operation.parameters;
      assert.deepEqual([parameter.name, parameter.in, others.length], [`${name}_id`, 'path', 0]);
    }
    assert.deepEqual(parameterNames(all), QUERY_PARAMETERS.all);
    assert.deepEqual(parameterNames(list), QUERY_PARAMETERS.list);

    assert.deepEqual(responseSchema(get), documents);
    assert.deepEqual(responseSchema(list), documents);
    assert.deepEqual(responseSchema(remove), { $ref: '#/components/schemas/deleted' });
    assert.deepEqual(responseSchema(all),
      { type: 'array', items: { $ref: '#/components/schemas/deferredrequest' } });
    for (const operation of [patch, put, post])
      assert.deepEqual(responseSchema(operation), document);

    assert.deepEqual(requestSchema(patch), { $ref: '#/components/schemas/jsonpatch' });
    assert.deepEqual(requestSchema(put), document);
    assert.deepEqual(requestSchema(post), document);
    assert.deepEqual(Object.keys(list.responses[200].headers), ['MAPP-has-more']);
  });
}

for (const [resource, [name, fields, leaves]] of Object.entries(SIZES)) {
  test(`${resource}: ${fields} fields, ${leaves} leaves`, () => {
    const schema = schemas[name];
    assert.equal(Object.keys(schema.properties).length, fields);
    assert.equal(countLeaves(schema), leaves);
    for (const field of ['_id', '__v', 'dealer_id', 'created_at', 'updated_at', 'custom', 'foreign_ids', 'computed'])
      assert.ok(schema.properties[field], field);
  });
}

test('types are read from the examples', () => {
  const car = schemas.car.properties;
  assert.deepEqual(car._id, { type: 'string' });
  assert.deepEqual(car.__v, { type: 'number' });
  assert.deepEqual(car.created_at, { type: 'string', format: 'date-time' });
  assert.deepEqual(car.foreign_ids, { type: 'array', items: { type: 'string' } });
  assert.deepEqual(schemas.sms.properties.direction,
    { type: 'string', description: 'One of several values, such as `inbound`.' });
  assert.equal(schemas.salelead.properties.computed.properties.car_type.type, undefined);
  assert.deepEqual(schemas.offer.properties.replacement_ids, { type: 'object', additionalProperties: true });
  assert.ok(!text.includes('"type": "undefined"'));
});

test('a request needs one of the three kinds of credentials', () => {
  assert.deepEqual(api.security, [{ bearer: [] }, { basic: [] }, { header: [] }]);
  assert.deepEqual(Object.keys(api.components.securitySchemes), ['bearer', 'basic', 'header']);
});

/*
 * A leaf is a value that is not a container: every scalar and every free-form field, counted
 * at each place of the schema where it stands; an array of scalars is one leaf, an array of
 * objects as many as one of its objects, and an object with free keys none.
 */
function countLeaves(schema) {
  if (schema.type === 'array')
    return countLeaves(schema.items);
  if (schema.type !== 'object')
    return 1;
  return Object.values(schema.properties ?? {}).reduce((sum, field) => sum + countLeaves(field), 0);
}

function parameterNames(operation) {
  return operation.parameters.map(({ $ref }) => $ref.slice('#/components/parameters/'.length));
}

function responseSchema(operation) {
  return operation.responses[200].content['application/json'].schema;
}

function requestSchema(operation) {
  return operation.requestBody.content['application/json'].schema;
}

for (const name of ['ids', 'references']) {
  test(`${name}.json is what make-${name}.js makes of it`, () => {
    const [command, table] = [`make-${name}.js`, `${name}.json`].map((file) => fileURLToPath(new URL(`../../api/${file}`, import.meta.url)));
    assert.equal(execFileSync(process.execPath, [command], { encoding: 'utf8' }), readFileSync(table, 'utf8'));
  });
}
