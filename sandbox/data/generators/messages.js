/*
 * Generators of text messages: SMS, WhatsApp and its sessions.
 */

import { TEMPLATE_NAMES } from '../outside.js';
import { maybe } from '../parts/compact.js';
import { letter } from '../parts/text.js';
import { notification, origin } from '../parts/workflow.js';
import { DAY, isoDate } from '../timeline.js';
import { LOCATIONS } from '../vocabulary/people.js';
import { CAMPAIGNS } from '../vocabulary/texts.js';
import { clientPhone } from './client-core.js';
import { deliveryFields, lastMessage, media } from './message-parts.js';
import { directionOf } from './quoted.js';

const DEALER_NUMBER = '+34910000001';
const TEMPLATES = TEMPLATE_NAMES.slice(0, 3);
const BUTTONS = ['Sí, confirmo', 'Cambiar la cita', 'No me interesa 🙅'];

/* {from, to} of a message to or from the client. */
function numbers(direction, clientNumber) {
  const [from, to] = direction === 'inbound' ? [clientNumber, DEALER_NUMBER] : [DEALER_NUMBER, clientNumber];
  return { from, to };
}

function sms(world, index, random) {
  const direction = directionOf(world, 'sms', index);
  const template = random.chance(0.4) ? random.integer(0, TEMPLATES.length - 1) : undefined;
  const users = world.users(random, 0, 2);
  return {
    twilio_sms_sid: `SM${random.hex(32)}`,
    twilio_account_sid: `AC${world.outsideId('telephony accounts', 0)}`,
    body: letter(random),
    campaign: maybe(random, 0.3, () => random.pick(CAMPAIGNS)),
    origin: random.chance(0.6) ? origin(random) : null,
    template_id: template === undefined ? undefined : world.outsideId('templates', template),
    template_name: template === undefined ? undefined : TEMPLATES[template],
    ...numbers(direction, clientPhone(world, world.parent('sms.client', index))),
    direction,
    type: random.pick(['manual', 'automatic', 'campaign']),
    notification: random.chance(0.3) ? notification(random, world, world.createdAt('sms', index)) : null,
    users,
    location: random.pick(LOCATIONS),
    cost: random.decimal(0, 0.1, 4),
    computed: {
      answered: random.chance(0.5),
      user_emails: users.map((user) => `usuario.${user.slice(-4)}@concesionario.example`),
    },
  };
}

function whatsappSession(world, index, random) {
  const made = world.createdAt('whatsappsessions', index);
  const last = lastMessage(world, 'whatsappmessages', 'whatsappsessions', index);
  return {
    client_number: clientPhone(world, world.parent('whatsappsessions.client', index)),
    dealer_number: DEALER_NUMBER,
    phone_id: world.outsideId('phones', random.integer(0, 3)),
    users: world.users(random, 0, 2),
    made_at: isoDate(made),
    expires_at: isoDate(made + DAY),
    waiting_client: last?.direction === 'outbound',
    direction: directionOf(world, 'whatsappsessions', index),
    origin: origin(random),
    last_message_direction: last?.direction ?? null,
    notification: random.chance(0.4) ? notification(random, world, made) : null,
    last_message_date: last ? isoDate(last.time) : null,
    campaign: maybe(random, 0.3, () => random.pick(CAMPAIGNS)),
    location: random.pick(LOCATIONS),
  };
}

function whatsappMessage(world, index, random) {
  const direction = directionOf(world, 'whatsappmessages', index);
  const session = world.parent('whatsappmessages.session', index);
  const client = session && world.parent('whatsappsessions.client', session.index);
  const isTemplate = direction === 'outbound' && random.chance(0.3);
  return {
    twilio_message_sid: `SM${random.hex(32)}`,
    twilio_account_sid: `AC${world.outsideId('telephony accounts', 0)}`,
    body: letter(random),
    ...numbers(direction, clientPhone(world, client)),
    direction,
    ...deliveryFields(random),
    session_id: world.idOf(session),
    made_at: isoDate(world.createdAt('whatsappmessages', index)),
    whatsapp_action_buttons: isTemplate ? actionButtons(random) : [],
    media: media(random),
    template_id: isTemplate ? world.outsideId('templates', random.integer(0, 2)) : undefined,
    user_id: direction === 'outbound' ? world.user(random) : null,
    location: random.pick(LOCATIONS),
    campaign: maybe(random, 0.2, () => random.pick(CAMPAIGNS)),
    cost: random.decimal(0, 0.08, 5),
    computed: { answered: random.chance(0.5) },
  };
}

function actionButtons(random) {
  const titles = random.sample(BUTTONS, random.integer(0, 2));
  return titles.map((title) => ({ title, type: 'QUICK_REPLY', _id: random.objectId() }));
}

export const messages = { sms, whatsappsessions: whatsappSession, whatsappmessages: whatsappMessage };
