/*
 * Generators of the work on leads: tasks, notes, appointments (dates), offers and imports.
 */

import { outsideCount } from '../outside.js';
import { compact, maybe } from '../parts/compact.js';
import { notification, provider } from '../parts/workflow.js';
import { HOUR, isoDate, later } from '../timeline.js';
import { clientCore } from './client-core.js';
import { appointmentFacts, clientOf, leadLocation, MODEL_NAMES, noteContent, subjectFields, taskFacts } from './quoted.js';

const OFFER_STATUSES = ['draft', 'finalized', 'sent', 'signed', 'rejected'];
const IMPORT_WARNINGS = ['Teléfono no válido: «6OO 12»', 'Código postal desconocido', 'Cliente ya existente'];

function task(world, index, random) {
  const { description, assignedTo, due, done, doneAt } = taskFacts(world, index);
  return {
    notification: compact({
      notify_at: isoDate(due),
      notify_to: assignedTo,
      done,
      done_at: done ? isoDate(doneAt) : null,
      done_by: done ? (assignedTo[0] ?? world.user(random)) : undefined,
      _id: random.objectId(),
    }),
    created_by: world.user(random),
    description,
    ...subjectFields(world, world.parent('tasks.subject', index), random),
  };
}

function note(world, index, random) {
  return {
    notification: random.chance(0.3) ? notification(random, world, world.createdAt('notes', index)) : null,
    content: noteContent(world, index),
    file_ids: random.list(0, 2, () => random.objectId()),
    created_by: world.user(random),
    ...subjectFields(world, world.parent('notes.subject', index), random),
  };
}

function appointment(world, index, random) {
  const { title, start, duration, end, showedUp, assignedTo, createdBy } = appointmentFacts(world, index);
  const subject = world.parent('dates.subject', index);
  const isVacation = !subject && random.chance(0.5);
  return {
    title: isVacation ? 'Vacaciones' : title,
    start_date: isoDate(start),
    duration,
    end_date: isoDate(end),
    created_by: createdBy,
    ...subjectFields(world, subject, random),
    showed_up: showedUp,
    notification: { ...notification(random, world, start), notify_to: assignedTo },
    is_vacation: isVacation,
    computed: { lead_location: leadLocation(world, subject) },
  };
}

function offer(world, index, random) {
  const subject = world.parent('offers.subject', index);
  const status = random.pick(OFFER_STATUSES);
  return {
    file_id: status === 'draft' ? null : random.objectId(),
    notification: random.chance(0.4) ? notification(random, world, world.createdAt('offers', index)) : null,
    status,
    created_by: world.user(random),
    ...subjectFields(world, subject, random),
    options: {
      locale: random.pick(['es-ES', 'ca-ES', 'gl-ES']),
      timezone: 'Europe/Madrid',
      auto_finalize: random.chance(0.5),
      signature_provider: 'signaturit',
      _id: random.objectId(),
    },
    ...signatureFields(world, clientOf(world, subject), status, random),
    template_id: world.outsideId('templates', random.integer(0, outsideCount('templates') - 1)),
    replacement_ids: subject ? { [MODEL_NAMES[subject.resource]]: world.idOf(subject) } : {},
    replaced_values: random.list(0, 3, () => replacedValue(random)),
    computed: { lead_location: leadLocation(world, subject) },
  };
}

function signatureFields(world, client, status, random) {
  const signed = status === 'signed';
  const core = client && clientCore(world, client.index);
  return {
    signature_data: {
      signaturit: compact({ name: core?.names[0], email: core?.emails[0], _id: random.objectId() }),
      _id: random.objectId(),
    },
    signature_url: maybe(random, 0.5, () => `https://firma.example/${random.uuid()}`),
    signature_file_id: signed ? random.objectId() : null,
    signature_audit_file_id: signed ? random.objectId() : undefined,
  };
}

/* `value` and `source_field` are objects of no fixed form. */
function replacedValue(random) {
  const key = random.pick(['precio', 'entrega a cuenta', 'nombre.cliente', 'garantía']);
  return {
    key,
    value: random.pick([{}, { text: key }, { amount: random.decimal(0, 40_000, 2), currency: 'EUR' }]),
    source_field: { path: key, formats: random.sample(['moneda', 'mayúsculas'], random.integer(0, 2)) },
    manually_edited: random.chance(0.3),
    model_name: random.pick(Object.values(MODEL_NAMES)),
    _id: random.objectId(),
  };
}

function leadImportTask(world, index, random) {
  const since = world.createdAt('leadimporttasks', index);
  const lead = world.parent('leadimporttasks.lead', index);
  const payload = JSON.stringify({ id: random.integer(1, 999_999), mensaje: 'Quiero "información"\nGracias', tel: null });
  const isBulk = random.chance(0.3);
  return {
    email_id: maybe(random, 0.5, () => world.outsideId('emails', index % outsideCount('emails'))),
    provider: provider(random, `Solicitud ${index + 1}`),
    metadata: compact({
      bulk_import_id: isBulk ? world.outsideId('bulkimports', random.integer(0, 12)) : undefined,
      bulk_import_row: isBulk ? random.integer(1, 5000) : undefined,
      _id: random.objectId(),
    }),
    json_payload: payload,
    callback: maybe(random, 0.4, () => ({
      url: 'https://portal.example/respuesta',
      method: random.pick(['POST', 'PUT']),
      _id: random.objectId(),
    })),
    status: lead ? 'finished' : random.pick(['pending', 'processing', 'failed']),
    finished_status: lead ? random.sample(['created', 'client_merged', 'warnings'], random.integer(1, 2)) : [],
    created_by: world.user(random),
    attempts: random.list(lead ? 1 : 0, 3, (i) =>
      attempt(world, random, { payload, lead, started: since + i * HOUR }),
    ),
  };
}

function attempt(world, random, { payload, lead, started }) {
  const failed = !lead || random.chance(0.2);
  return {
    json_payload: payload,
    started_at: isoDate(started),
    finished_at: random.chance(0.9) ? isoDate(later(random, started, 0.01)) : null,
    warnings: random.sample(IMPORT_WARNINGS, random.integer(0, 2)),
    error_messages: failed ? ["TypeError: Cannot read properties of null (reading 'phone')\n    at import"] : [],
    results: {
      version: random.pick(['1.0', '2.3.1']),
      imported_ids: failed ? [] : importedIds(world, random, lead),
      _id: random.objectId(),
    },
    _id: random.objectId(),
  };
}

function importedIds(world, random, lead) {
  const client = clientOf(world, lead);
  const imported = [[world.idOf(lead), MODEL_NAMES[lead.resource]]];
  if (client) imported.push([world.idOf(client), 'client']);
  return imported.map(([id, model]) => ({ resource_id: id, model_name: model, _id: random.objectId() }));
}

export const work = { tasks: task, notes: note, dates: appointment, offers: offer, leadimporttasks: leadImportTask };
