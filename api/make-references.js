/*
 * Make the table of what the ids of documents lead to from the table of the places that hold ids.
 *
 *     node api/make-references.js > api/references.json
 *
 * The description does not say what an id is the id of, so the names have to tell: RULES says what each
 * name means.  It was reviewed by hand, place by place.  A place that no rule knows is an error, so that a
 * new one is looked at when the description grows.  One of the sandbox's tests says whether the table is current, and
 * another one that the sandbox's documents refer to each other in this way.
 */
import { readFileSync } from 'node:fs';

const LEADS = ['saleleads', 'aftersaleleads', 'appraisalleads'];

/** [the end of `resource.path`, the resources whose ids stand there]; the first that fits counts. */
const RULES = [
  /* what has no resource: the document itself, its dealer, what only stands within another document, files, ... */
  [/^\w+\._id$/, []],
  [/\.dealer_id$/, []],
  [/\.(contacts|primary_contact|client_contacts|client_primary_contact)\._id$/, ['contacts']],
  [/\._id$/, []],
  [/\.bulk_import_ids?$/, []],
  [/\.gdprentry_id$/, []],
  [/\.investments\.\w+$/, []],
  [/file_ids?$/, []],
  [/\.(application_id|phone_id)$/, []],

  [/\.client_id$/, ['clients']],
  [/\.contact_id$/, ['contacts']],
  [/\.car_id$/, ['cars']],
  [/^aftersaleleads\.vehicle_id$/, ['clientvehicles']],
  [/\.lead_id$/, LEADS],
  [/\.lead_import_ids$/, ['leadimporttasks']],
  [/^leadimporttasks\..*\.resource_id$/, ['saleleads', 'appraisalleads', 'clients']],
  [/\.task_id$/, ['tasks']],
  [/\.appointment_id$/, ['dates']],
  [/\.pinned_note_id$/, ['notes']],
  [/\.repair_order_id$/, ['repairorders']],
  [/^chat(messages|sessions)\.provider_id$/, ['chatproviders']],
  [/^chatmessages\.session_id$/, ['chatsessions']],
  [/^whatsappmessages\.session_id$/, ['whatsappsessions']],

  /* resources that the service has, and its description has not */
  [/\.template_id$/, ['templates']],
  [/\.email_id$/, ['emails']],
  [/(\.|_)(user|users|user_id|by|to)$/, ['users']],
];

const ids = JSON.parse(readFileSync(new URL('ids.json', import.meta.url), 'utf8'));

/** {resource: {path: [resource, ...]}}, in the order of the description; what leads nowhere is left out. */
function references() {
  return Object.fromEntries(
    Object.entries(ids).map(([resource, paths]) => [
      resource,
      Object.fromEntries(paths.map((path) => [path, targets(`${resource}.${path}`)]).filter(([, found]) => found.length > 0)),
    ]),
  );
}

function targets(place) {
  const rule = RULES.find(([pattern]) => pattern.test(place));
  if (!rule) throw new Error(`no rule says what ${place} is the id of`);
  return rule[1];
}

process.stdout.write(`${JSON.stringify(references(), null, 2)}\n`);
