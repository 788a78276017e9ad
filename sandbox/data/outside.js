/*
 * The documents of the resources that are outside the service's description: whom, and what, the other documents
 * refer to. There are as many of them whatever the scale. Used by index.js and world.js.
 */

import { personName } from './parts/person.js';
import { isoDate, timeAt } from './timeline.js';

/** [how many, the fields of one]. */
const OUTSIDE = {
  users: [24, user],
  templates: [8, template],
  emails: [60, email],
};

const ROLES = ['comercial', 'gerente', 'recepción', 'posventa'];
/** The messages use the first ones. */
export const TEMPLATE_NAMES = [
  ...['Recordatorio de cita', 'Bienvenida', 'Encuesta de satisfacción ⭐'],
  ...['Cita de taller', 'Oferta', 'ITV', 'Felicitación', 'Garantía'],
];
const CHANNELS = ['sms', 'whatsapp', 'email', 'offer'];

export const OUTSIDE_RESOURCES = Object.keys(OUTSIDE);

export const outsideCount = (resource) => OUTSIDE[resource][0];

export function outsideDocument(world, resource, index) {
  const [count, make] = OUTSIDE[resource];
  const random = world.random(`${resource} document`, index);
  const created = isoDate(timeAt((index + 0.5) / count));
  return {
    ...make(world, random, index),
    _id: world.outsideId(resource, index),
    foreign_ids: [],
    dealer_id: world.dealerId,
    created_at: created,
    updated_at: created,
    __v: 0,
  };
}

/** The address is the one that messages quote. */
function user(world, random, index) {
  const { first_name, last_name } = personName(random);
  const address = `usuario.${world.outsideId('users', index).slice(-4)}@concesionario.example`;
  return { first_name, last_name, email: address, role: random.pick(ROLES), active: random.chance(0.8) };
}

function template(world, random, index) {
  const name = TEMPLATE_NAMES[index];
  return { name, subject: name, body: `Hola, {{client.first_name}}: ${name.toLowerCase()}.`, channel: CHANNELS[index % CHANNELS.length], created_by: world.user(random) };
}

function email(world, random, index) {
  return {
    from: `portal${index % 7}@portal.example`,
    to: [`usuario.${world.user(random).slice(-4)}@concesionario.example`],
    subject: `Solicitud ${index + 1}`,
    body: 'Quiero más información.',
    sent_at: isoDate(timeAt((index + 0.5) / outsideCount('emails'))),
    template_id: random.chance(0.3) ? world.outsideId('templates', index % outsideCount('templates')) : null,
  };
}
