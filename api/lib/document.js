/*
 * Turn what the Swagger page says into an OpenAPI 3.0 document.
 *
 * make-openapi.js calls this.  The operations of the page's first resource, all of
 * which are shown, are the form of every other resource; a shown operation is held
 * against that form, a collapsed one takes it.
 */
import { schemaFromExample } from './schema.js';

/* What the page cannot show: the name of an operation and which schemas its bodies have. */
const OPERATIONS = {
  'get /R/{id}': { verb: 'get', response: 'documents' },
  'delete /R/{id}': { verb: 'delete', response: 'deleted' },
  'patch /R/{id}': { verb: 'patch', request: 'patch', response: 'document' },
  'put /R/{id}': { verb: 'replace', request: 'document', response: 'document' },
  'get /R/all': { verb: 'getAll', response: 'jobs', plural: true },
  'get /R': { verb: 'list', response: 'documents', plural: true },
  'post /R': { verb: 'create', request: 'document', response: 'document' },
};

/* How each kind of body refers to the component schemas, given the resource's name. */
const BODIES = {
  document: (name) => schemaReference(name),
  documents: (name) => ({ type: 'array', items: schemaReference(name) }),
  deleted: () => schemaReference('deleted'),
  patch: () => schemaReference('jsonpatch'),
  jobs: () => ({ type: 'array', items: schemaReference('deferredrequest') }),
};

/* The page prints header names in lower case; the service writes this one as here. */
const HEADER_SPELLING = { 'mapp-has-more': 'MAPP-has-more' };

const AUTHORIZATION_NOTE =
  'The page has an Authorize button and does not say which scheme it stands for: ' +
  'a request needs one of these.';

export function buildDocument(description) {
  const resources = description.resources.map(nameResource);
  const form = resources[0];

  resources.forEach((resource) => checkUniform(resource, form));
  return {
    openapi: '3.0.3',
    info: {
      title: description.title,
      version: description.version,
      description: description.description,
      contact: { name: description.contact },
    },
    servers: [{
      url: description.server,
      description: description.serverDescription,
      variables: { dealer_id: { default: '', description: 'The dealer whose data are asked for' } },
    }],
    security: [{ bearer: [] }, { basic: [] }, { header: [] }],
    tags: resources.map(({ singular }) => ({ name: singular })),
    paths: buildPaths(resources, form),
    components: {
      schemas: buildSchemas(resources),
      parameters: buildQueryParameters(form),
      securitySchemes: buildSecuritySchemes(),
    },
  };
}

/* Add the plural, which only the paths tell, and each operation's kind. */
function nameResource({ singular, operations }) {
  const plural = operations[0].path.split('/')[1];
  const kindOf = ({ method, path }) =>
    `${method} ${path.replace(`/${plural}`, '/R').replace(`{${singular}_id}`, '{id}')}`;
  return {
    singular,
    plural,
    operations: operations.map((operation) => ({ ...operation, kind: kindOf(operation) })),
  };
}

function checkUniform(resource, form) {
  const document = exampleDocument(resource);
  const kinds = resource.operations.map(({ kind }) => kind);

  check(sameJson(kinds, Object.keys(OPERATIONS)), `${resource.plural}: other operations`);
  resource.operations.forEach(({ kind, method, path, details }, i) => {
    if (!details)
      return;
    const place = `${method} ${path}`;
    const { request, response } = OPERATIONS[kind];
    const formDetails = form.operations[i].details;
    check(sameJson(wording(details), rename(wording(formDetails), form, resource)),
      `${place}: worded differently from ${form.operations[i].path}`);
    check(sameJson(details.request?.example,
      expectedExample(request, document, formDetails.request?.example)),
    `${place}: another request body`);
    check(sameJson(details.response.example,
      expectedExample(response, document, formDetails.response.example)),
    `${place}: another response body`);
  });
}

/* The example document of a resource, from the operation that every resource shows. */
function exampleDocument({ operations }) {
  const shown = operations.find(({ kind, details }) =>
    details && OPERATIONS[kind].response.startsWith('document'));
  return [shown.details.response.example].flat()[0];
}

function expectedExample(body, document, formExample) {
  if (body === 'documents')
    return [document];
  return body === 'document' ? document : formExample;
}

/* All that is said about an operation, without the examples. */
function wording({ summary, parameters, request, response }) {
  return {
    summary,
    parameters,
    request: request?.description,
    response: response.description,
    headers: response.headers,
  };
}

/* The same words about another resource. */
function rename(words, from, to) {
  const name = new RegExp(`\\b(?:(${from.plural})|${from.singular})(?=_id|\\b)`, 'g');
  return JSON.parse(JSON.stringify(words).replace(name, (_, plural) =>
    plural ? to.plural : to.singular));
}

function buildPaths(resources, form) {
  const paths = {};
  for (const resource of resources) {
    resource.operations.forEach(({ method, path, kind }, i) => {
      const words = rename(wording(form.operations[i].details), form, resource);
      paths[path] ??= {};
      paths[path][method] = buildOperation(resource, OPERATIONS[kind], words);
    });
  }
  return paths;
}

function buildOperation({ singular, plural }, { verb, request, response, plural: many }, words) {
  const operation = {
    operationId: verb + capitalize(many ? plural : singular),
    summary: words.summary,
    tags: [singular],
  };
  if (words.parameters.length)
    operation.parameters = words.parameters.map(buildParameter);
  if (request) {
    operation.requestBody = {
      description: words.request,
      required: true,
      content: jsonContent(BODIES[request](singular)),
    };
  }
  operation.responses = {
    200: {
      description: words.response,
      ...buildHeaders(words.headers),
      content: jsonContent(BODIES[response](singular)),
    },
  };
  return operation;
}

function buildParameter({ name, type, place, description }) {
  if (place === 'query')
    return { $ref: `#/components/parameters/${name}` };
  return { name, in: place, required: true, description, schema: { type } };
}

function buildHeaders(headers) {
  if (!headers.length)
    return {};
  const entries = headers.map(({ name, description, type }) =>
    [HEADER_SPELLING[name], { description, schema: { type } }]);
  return { headers: Object.fromEntries(entries) };
}

/* The list operation has every query parameter; the other operations share them. */
function buildQueryParameters(form) {
  const list = form.operations.find(({ kind }) => kind === 'get /R');
  return Object.fromEntries(list.details.parameters.map(({ name, type, place, description }) => {
    const value = type === 'object'
      ? { content: jsonContent({ type, additionalProperties: true }) }
      : { schema: { type } };
    return [name, { name, in: place, description, ...value }];
  }));
}

function buildSchemas(resources) {
  const shown = (kind) => resources[0].operations.find((o) => o.kind === kind).details;
  const schemas = {
    jsonpatch: jsonPatchSchema(shown('patch /R/{id}').request.example),
    deferredrequest: schemaFromExample(shown('get /R/all').response.example[0]),
    deleted: schemaFromExample(shown('delete /R/{id}').response.example),
  };
  for (const resource of resources)
    schemas[resource.singular] = schemaFromExample(exampleDocument(resource));
  return schemas;
}

/* The page's example has one entry for each kind of patch operation. */
function jsonPatchSchema(example) {
  const operationSchema = (entry) => ({
    type: 'object',
    required: Object.keys(entry),
    properties: {
      ...schemaFromExample(entry).properties,
      op: { type: 'string', enum: [entry.op] },
      ...('value' in entry && { value: { description: 'Free form: any JSON value.' } }),
    },
  });
  return { type: 'array', items: { oneOf: example.map(operationSchema) } };
}

function buildSecuritySchemes() {
  return {
    bearer: { type: 'http', scheme: 'bearer', description: AUTHORIZATION_NOTE },
    basic: { type: 'http', scheme: 'basic', description: AUTHORIZATION_NOTE },
    header: {
      type: 'apiKey',
      in: 'header',
      name: 'X-Api-Key',
      description: `${AUTHORIZATION_NOTE} The header's name is not published either.`,
    },
  };
}

function jsonContent(schema) {
  return { 'application/json': { schema } };
}

function schemaReference(name) {
  return { $ref: `#/components/schemas/${name}` };
}

function capitalize(word) {
  return word[0].toUpperCase() + word.slice(1);
}

function sameJson(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function check(holds, message) {
  if (!holds)
    throw new Error(message);
}
