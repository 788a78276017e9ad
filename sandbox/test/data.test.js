/* The generated data set: that it can be relied upon, and that it is as untidy as it should be. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { idPlaces, isFreeForm, isIdSchema, resourceSchemas } from '../crm/description.js';
import { createDataset } from '../data/index.js';

const SCALE = 400;
const DEALER = '5f2b1c9e8d3a4b0012345678';
const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const dataset = createDataset({ seed: 1, scale: SCALE, dealerId: DEALER });
const largest = createDataset({ scale: 1_000_000, dealerId: DEALER });
const documents = new Map(dataset.resources.map((resource) => [resource, allOf(dataset, resource)]));
const byId = new Map(
  [...documents].map(([resource, list]) => [resource, new Map(list.map((document) => [document._id, document]))]),
);

/** What the ids of each resource's documents lead to, by dotted paths. */
const references = JSON.parse(readFileSync(new URL('../../api/references.json', import.meta.url), 'utf8'));
const idSets = new Map();

/** Also of the resources that the description does not have. */
function idsOf(resource) {
  if (!idSets.has(resource)) {
    idSets.set(resource, new Set(Array.from({ length: dataset.count(resource) }, (_, index) => dataset.id(resource, index))));
  }
  return idSets.get(resource);
}

function allOf({ count, document }, resource) {
  return Array.from({ length: count(resource) }, (_, index) => document(resource, index));
}

/** Calls visit(value, schema, path) for everything in the documents; schema is undefined in free forms. */
function walkAll(visit) {
  for (const [resource, list] of documents) {
    for (const document of list) walk(document, resourceSchemas.get(resource), resource, visit);
  }
}

function walk(value, schema, path, visit) {
  visit(value, schema, path);
  if (Array.isArray(value)) {
    for (const element of value) walk(element, schema?.type === 'array' ? schema.items : undefined, path, visit);
  } else if (isObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      walk(child, isFreeForm(key) ? undefined : schema?.properties?.[key], `${path}.${key}`, visit);
    }
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldPaths(schema, path) {
  if (schema.type === 'array') return fieldPaths(schema.items, path);
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    `${path}.${name}`,
    ...fieldPaths(field, `${path}.${name}`),
  ]);
}

/** Whether some value satisfies the condition. */
function occurs(condition) {
  let found = false;
  walkAll((value, schema, path) => (found ||= condition(value, schema, path)));
  return found;
}

test('a document depends on seed, counts, resource and position alone', () => {
  const again = createDataset({ seed: 1, scale: SCALE, dealerId: DEALER });
  for (const resource of [...dataset.resources].reverse()) {
    const last = dataset.count(resource) - 1;
    assert.deepEqual(again.document(resource, last), documents.get(resource)[last]);
    assert.deepEqual(allOf(again, resource), documents.get(resource), resource);
  }
});

test('another seed gives other documents', () => {
  const other = createDataset({ seed: 2, scale: SCALE, dealerId: DEALER });
  for (const resource of dataset.resources) {
    assert.notDeepEqual(other.document(resource, 0), documents.get(resource)[0], resource);
    assert.equal(other.count(resource), dataset.count(resource));
  }
});

test('scale gives the counts, and single ones can be overridden', () => {
  assert.deepEqual([...dataset.resources].sort(), [...resourceSchemas.keys()].sort());
  assert.equal(Math.max(...dataset.resources.map(dataset.count)), SCALE);
  const small = createDataset({ scale: 1, counts: { cars: 70, clients: 0 }, dealerId: DEALER });
  assert.equal(small.count('cars'), 70);
  assert.equal(small.count('clients'), 0);
  for (const resource of small.resources) {
    assert.ok(resource === 'clients' || small.count(resource) >= 3, resource);
    assert.equal(allOf(small, resource).length, small.count(resource));
  }
});

test('every document is plain JSON with an id and its dealer', () => {
  for (const [resource, list] of documents) {
    list.forEach((document, index) => {
      assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
      assert.equal(document._id, dataset.id(resource, index));
      assert.equal(document.dealer_id, DEALER);
    });
  }
});

test('no text holds half a character', () => {
  walkAll((value, _, path) => {
    if (typeof value === 'string') assert.doesNotMatch(value, /\p{Surrogate}/u, path);
  });
});

test('ids are unique, and in no order', () => {
  for (const [resource, list] of documents) {
    const ids = list.map(({ _id }) => _id);
    assert.equal(new Set(ids).size, ids.length, resource);
    const rises = ids.filter((id, i) => i > 0 && id > ids[i - 1]).length;
    assert.ok(rises > 0 && rises < ids.length - 1, resource);
  }
  const ids = Array.from({ length: 100_000 }, (_, index) => largest.id('whatsappmessages', index * 10));
  assert.equal(new Set(ids).size, ids.length);
});

test('fields stand in the order of the description', () => {
  for (const [resource, list] of documents) {
    const order = Object.keys(resourceSchemas.get(resource).properties);
    for (const document of list) {
      assert.deepEqual(Object.keys(document), order.filter((name) => name in document), resource);
    }
  }
});

test('every field of every schema occurs, and no other', () => {
  const seen = new Set();
  walkAll((value, _, path) => value !== null && seen.add(path));
  for (const [resource, schema] of resourceSchemas) {
    assert.deepEqual(fieldPaths(schema, resource).filter((path) => !seen.has(path)), []);
  }
  walkAll((value, schema, path) => {
    if (!schema?.properties || !isObject(value)) return;
    for (const name in value) assert.ok(Object.hasOwn(schema.properties, name), `${path}.${name}`);
  });
});

const LEADS = { salelead: 'saleleads', appraisallead: 'appraisalleads', aftersalelead: 'aftersaleleads' };

/* References to nothing: the e-mails of leads are none of the documents. */
const OUTSIDE = /leads\.email_id$/;

/* What no document happens to refer to. */
const NOT_REFERRED = [
  'aftersaleleads.email_id emails',
  'aftersaleleads.lead_import_ids leadimporttasks',
  'appraisalleads.email_id emails',
  'clientvehicles.lead_import_ids leadimporttasks',
  'saleleads.email_id emails',
];

/* What is no string is damage. */
test('references lead to documents of the resources that api/references.json says', () => {
  const found = new Set();
  walkAll((value, schema, path) => {
    const [resource, ...names] = path.split('.');
    const targets = references[resource][names.join('.')];
    if (!targets || typeof value !== 'string' || OUTSIDE.test(path)) return;
    assert.ok(targets.some((target) => idsOf(target).has(value)), `${path} ${value}`);
    for (const target of targets.filter((name) => idsOf(name).has(value))) found.add(`${path} ${target}`);
  });
  const wanted = Object.entries(references).flatMap(([resource, places]) =>
    Object.entries(places).flatMap(([place, targets]) => targets.map((target) => `${resource}.${place} ${target}`)),
  );
  assert.deepEqual(wanted.filter((reference) => !found.has(reference)).sort(), NOT_REFERRED);
});

test('the lead of a task, a note, an appointment or an offer belongs to its client', () => {
  let compared = 0;
  for (const resource of ['tasks', 'notes', 'dates', 'offers']) {
    for (const { lead_id: id, lead_type: type, client_id: client } of documents.get(resource)) {
      if (typeof id !== 'string' || typeof type !== 'string') continue;
      const lead = byId.get(LEADS[type]).get(id);
      assert.ok(lead, `${resource} ${type} ${id}`);
      if (typeof client !== 'string' || typeof lead.client_id !== 'string') continue;
      assert.equal(lead.client_id, client);
      compared++;
    }
  }
  assert.ok(compared > SCALE / 2);
});

/** How many documents of the resource refer to each id by the field. */
function referrers(resource, field) {
  const counts = new Map();
  for (let index = 0; index < dataset.count(resource); index++) {
    const id = documents.get(resource)[index][field];
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/* [resource, its number, what is counted, by which field] */
const COUNTS = [
  ['saleleads', 'number_of_tasks', 'tasks', 'lead_id'],
  ['saleleads', 'number_of_notes', 'notes', 'lead_id'],
  ['saleleads', 'number_of_appointments', 'dates', 'lead_id'],
  ['saleleads', 'number_of_offers', 'offers', 'lead_id'],
  ['appraisalleads', 'number_of_tasks', 'tasks', 'lead_id'],
  ['aftersaleleads', 'number_of_notes', 'notes', 'lead_id'],
  ['clients', 'client_number_of_sale_leads', 'saleleads', 'client_id'],
  ['clients', 'client_number_of_appraisal_leads', 'appraisalleads', 'client_id'],
  ['clients', 'client_number_of_aftersale_leads', 'aftersaleleads', 'client_id'],
  ['clients', 'number_of_tasks', 'tasks', 'client_id'],
];

test('computed numbers are true', () => {
  for (const [resource, name, counted, field] of COUNTS) {
    const counts = referrers(counted, field);
    const sure = documents.get(resource).filter(({ computed }) => typeof computed?.[name] === 'number');
    const wrong = sure.filter(({ _id, computed }) => computed[name] !== (counts.get(_id) ?? 0));
    // A reference that is a gap or damaged is still counted.
    const unknown = documents.get(counted).filter((document) => typeof document[field] !== 'string').length;
    assert.ok(sure.some(({ computed }) => computed[name] > 0), `${resource}.${name}`);
    for (const { _id, computed } of wrong) assert.ok(computed[name] > (counts.get(_id) ?? 0), `${resource}.${name}`);
    const missing = wrong.reduce((sum, { _id, computed }) => sum + computed[name] - (counts.get(_id) ?? 0), 0);
    assert.ok(missing <= unknown, `${resource}.${name}: ${missing} of ${unknown}`);
  }
});

test('leads and their client tell the same numbers', () => {
  let compared = 0;
  for (const lead of documents.get('saleleads')) {
    const client = byId.get('clients').get(lead.client_id);
    for (const name of ['client_number_of_leads', 'client_number_of_calls', 'client_number_of_communications']) {
      const [there, here] = [client?.computed?.[name], lead.computed?.[name]];
      if (typeof there !== 'number' || typeof here !== 'number') continue;
      assert.equal(here, there, name);
      compared++;
    }
  }
  assert.ok(compared > SCALE);
});

test('any field may be null or missing', () => {
  for (const [resource, list] of documents) {
    if (list.length < SCALE / 10) continue;
    const names = Object.keys(resourceSchemas.get(resource).properties);
    assert.ok(names.some((name) => list.some((document) => document[name] === null)), `${resource}: null`);
    assert.ok(names.some((name) => list.some((document) => !(name in document))), `${resource}: missing`);
  }
  const createdAt = [...documents.values()].flat().map((document) => document.created_at);
  assert.ok(createdAt.includes(null) && createdAt.includes(undefined));
  assert.ok(occurs((value, schema) => schema?.type === 'array' && Array.isArray(value) && value.includes(null)));
});

test('there are empty arrays, fractions and negative numbers', () => {
  assert.ok(occurs((value, schema) => schema?.type === 'array' && Array.isArray(value) && value.length === 0));
  assert.ok(occurs((value, schema) => schema?.type === 'number' && !Number.isInteger(value) && value > 0));
  assert.ok(occurs((value, schema) => schema?.type === 'number' && value < 0));
});

/** What is there where the description says otherwise; undefined where nothing is wrong. */
function wrongType(value, schema) {
  if (!schema?.type || value === null) return undefined;
  const actual = Array.isArray(value) ? 'array' : typeof value;
  if (schema.format !== 'date-time') return actual === schema.type ? undefined : `${schema.type}: ${actual}`;
  if (actual !== 'string') return `date: ${actual}`;
  return /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value)) ? undefined : 'date: no date';
}

test('a few documents have values of the wrong type', () => {
  const kinds = new Set();
  let damaged = 0;
  let total = 0;
  for (const [resource, list] of documents) {
    for (const document of list) {
      const before = damaged;
      walk(document, resourceSchemas.get(resource), resource, (value, schema) => {
        const kind = wrongType(value, schema);
        if (kind) kinds.add(kind.split(':')[0]);
        if (kind) damaged = before + 1;
      });
      assert.equal(typeof document._id, 'string');
      total++;
    }
  }
  assert.ok(damaged > total / 80 && damaged < total / 30, `${damaged} of ${total}`);
  assert.deepEqual([...kinds].sort(), ['array', 'boolean', 'date', 'number', 'object', 'string']);
});

test('even a small data set has several damaged documents', () => {
  const small = createDataset({ scale: 150, dealerId: DEALER });
  const damaged = small.resources.filter((resource) =>
    allOf(small, resource).some((document) => {
      let found = false;
      walk(document, resourceSchemas.get(resource), resource, (value, schema) => {
        found ||= wrongType(value, schema) !== undefined;
      });
      return found;
    }),
  );
  assert.ok(damaged.length >= 5, damaged.join(' '));
});

test('free forms are strings, objects, null or absent', () => {
  const forms = new Set(documents.get('clients').map(({ custom }) => (custom === null ? 'null' : typeof custom)));
  for (const form of ['string', 'object', 'null', 'undefined']) assert.ok(forms.has(form), form);
  const customs = new Set();
  walkAll((value, _, path) => path.endsWith('_customs') && customs.add(typeof value));
  for (const form of ['string', 'object']) assert.ok(customs.has(form), form);
});

test('texts hold what must survive on the way', () => {
  for (const part of ['ñ', '"', "'", '\\', '\n', '\r\n', '\t', '👍🏽', '\u0000', '\u0001', '\u007f', '\u2028']) {
    assert.ok(occurs((value) => typeof value === 'string' && value.includes(part)), JSON.stringify(part));
  }
  assert.ok(occurs((value, schema) => !schema && typeof value === 'string' && value.includes('\u0000')), 'in a free form');
  const all = [...documents.values()].flat();
  const unstorable = all.filter((document) => JSON.stringify(document).includes('\\u0000')).length;
  assert.ok(unstorable > all.length / 300 && unstorable < all.length / 40, `${unstorable} of ${all.length}`);
});

test('dates of creation are written in several ways', () => {
  const texts = [...documents.values()].flatMap((list) => list.map((document) => String(document.created_at)));
  const ways = [/^\d{4}-\d\d-\d\d$/, /T\d\d:\d\d:\d\dZ$/, /\.\d{3}\+02:00$/];
  for (const way of ways) assert.ok(texts.some((text) => way.test(text)), String(way));
  assert.ok(texts.filter((text) => ISO_INSTANT.test(text)).length > texts.length * 0.9);
});

test('a large data set costs nothing until its documents are asked for', () => {
  assert.equal(largest.count('whatsappmessages'), 1_000_000);
  const document = largest.document('whatsappmessages', 999_999);
  assert.equal(document._id, largest.id('whatsappmessages', 999_999));
  const index = Math.floor(largest.count('clients') / 2);
  assert.equal(largest.document('clients', index)._id, largest.id('clients', index));
});

test('users, templates and emails are those that other documents refer to', () => {
  const ids = (resource) => new Set(Array.from({ length: dataset.count(resource) }, (_, index) => dataset.id(resource, index)));
  const places = [['users', 'cars', 'created_by'], ['users', 'notes', 'updated_by'], ['templates', 'offers', 'template_id'], ['templates', 'sms', 'template_id'], ['emails', 'leadimporttasks', 'email_id']]; // prettier-ignore
  for (const [resource, referrer, field] of places) {
    const known = ids(resource);
    const given = documents.get(referrer).map((document) => document[field]).filter((value) => typeof value === 'string' && value.length === 24);
    assert.ok(given.length > 0 || field === 'created_by', `${referrer}.${field}`);
    for (const id of given) assert.ok(known.has(id), `${referrer}.${field}: ${id}`);
  }
  const user = dataset.document('users', 3);
  assert.deepEqual([user._id, typeof user.first_name, typeof user.last_name], [dataset.id('users', 3), 'string', 'string']);
});

/** Imports make no such documents, so these arrays are empty. */
const NOT_IMPORTED = ['aftersaleleads.lead_import_ids', 'clientvehicles.lead_import_ids'];

test('a string in the place of an id is an id, and the places of ids are used', () => {
  const seen = new Set();
  walkAll((value, schema, path) => {
    const isPlace = isIdSchema(schema) || (schema?.type === 'array' && isIdSchema(schema.items));
    if (!isPlace || typeof value !== 'string') return;
    assert.match(value, /^[0-9a-f]{24}$/, path);
    seen.add(path);
  });
  const places = Object.entries(idPlaces).flatMap(([resource, paths]) => paths.map((path) => `${resource}.${path}`));
  assert.deepEqual(places.filter((place) => !seen.has(place)), NOT_IMPORTED);
});
