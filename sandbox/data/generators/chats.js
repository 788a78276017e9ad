/*
 * Generators of chats: the providers, their sessions and the messages in them.
 */

import { compact, maybe } from '../parts/compact.js';
import { letter } from '../parts/text.js';
import { notification } from '../parts/workflow.js';
import { DAY, isoDate } from '../timeline.js';
import { CHAT_PROVIDERS } from '../vocabulary/texts.js';
import { clientContacts } from './client-core.js';
import { deliveryFields, lastMessage, media } from './message-parts.js';
import { directionOf } from './quoted.js';

const PARTICIPANT_TYPES = ['email', 'phone', 'client_id', 'user_id'];
const MESSAGE_TYPES = ['text', 'image', 'audio', 'file'];
const COLORS = ['#1877f2', '#e4405f', '#229ed9', 'rgb(0, 128, 128)', 'añil'];

function chatProvider(world, index, random) {
  const name = CHAT_PROVIDERS[index % CHAT_PROVIDERS.length];
  return {
    name,
    client_chat_participant_type: random.pick(PARTICIPANT_TYPES),
    dealer_chat_participant_type: random.pick(PARTICIPANT_TYPES),
    outbound_message_url: `https://chat.example/${index}/mensajes`,
    oauth_link_url: maybe(random, 0.7, () => `https://chat.example/${index}/oauth?scope=read%20write`),
    oauth_unlink_url: random.chance(0.7) ? `https://chat.example/${index}/oauth/revoke` : null,
    enabled: random.chance(0.8),
    dealer_can_message_first: random.chance(0.4),
    supported_outbound_types: random.sample(MESSAGE_TYPES, random.integer(0, 4)),
    supported_inbound_types: random.sample(MESSAGE_TYPES, random.integer(1, 4)),
    accounts: random.list(index === 0 ? 2 : 0, 2, (i) => account(world, random, i)),
    theme: { cocacola: colors(random), solarized: colors(random), ...icon(random, name), _id: random.objectId() },
    application_id: world.outsideId('applications', index),
    application_editable: random.chance(0.5),
  };
}

/* A second account is the dealer's own record among the clients. */
function account(world, random, position) {
  return {
    chat_participant:
      position === 0
        ? dealerParticipant(random, world.user(random))
        : clientParticipant(world, random, ownRecord(world)),
    notify_to: {
      groups: random.list(0, 2, () => world.outsideId('groups', random.integer(0, 4))),
      users: world.users(random, 0, 2),
      _id: random.objectId(),
    },
    _id: random.objectId(),
  };
}

function colors(random) {
  return {
    inbound_message_color: random.pick(COLORS),
    outbound_message_color: random.pick(COLORS),
    _id: random.objectId(),
  };
}

function icon(random, name) {
  return {
    icon: `<svg viewBox="0 0 8 8"><path d='M0 ${random.integer(0, 8)}'/></svg>`,
    icon_name: name.toLowerCase().replace(/\W+/g, '-'),
    main_color: random.pick(COLORS),
  };
}

function chatSession(world, index, random) {
  const made = world.createdAt('chatsessions', index);
  const last = lastMessage(world, 'chatmessages', 'chatsessions', index);
  return {
    ...sessionFacts(world, index),
    direction: directionOf(world, 'chatsessions', index),
    users: world.users(random, 0, 3),
    made_at: isoDate(made),
    expires_at: random.chance(0.7) ? isoDate(made + random.integer(1, 30) * DAY) : null,
    last_message: last ? { date: isoDate(last.time), direction: last.direction, _id: random.objectId() } : null,
    notification: random.chance(0.5) ? notification(random, world, made) : null,
  };
}

/* {provider_id, dealer_info, client_info}: what a session's messages repeat. */
function sessionFacts(world, index) {
  const random = world.random('chat session facts', index);
  const providers = world.count('chatproviders');
  return {
    provider_id: providers > 0 ? world.id('chatproviders', random.integer(0, providers - 1)) : undefined,
    dealer_info: compact({
      ...dealerParticipant(random, world.user(random)),
      client_id: maybe(random, 0.1, () => world.idOf(ownRecord(world))),
    }),
    client_info: clientParticipant(world, random, world.parent('chatsessions.client', index)),
  };
}

function ownRecord(world) {
  return world.count('clients') > 0 ? { resource: 'clients', index: 0 } : undefined;
}

function dealerParticipant(random, user) {
  return compact({
    email: maybe(random, 0.6, () => 'chat@concesionario.example'),
    phone: maybe(random, 0.4, () => '+34910000002'),
    user_id: user,
    _id: random.objectId(),
  });
}

function clientParticipant(world, random, client) {
  const [contact] = client ? clientContacts(world, client.index) : [];
  return compact({
    email: contact?.emails[0],
    phone: contact?.phones[0] ?? null,
    client_id: world.idOf(client),
    // Some clients work at the dealer's.
    user_id: maybe(random, 0.1, () => world.user(random)),
    _id: random.objectId(),
  });
}

function chatMessage(world, index, random) {
  const session = world.parent('chatmessages.session', index);
  const facts = session && sessionFacts(world, session.index);
  const direction = directionOf(world, 'chatmessages', index);
  const [from, to] = direction === 'inbound' ? ['client_info', 'dealer_info'] : ['dealer_info', 'client_info'];
  return {
    from: facts?.[from],
    to: facts?.[to],
    direction,
    provider_id: facts?.provider_id,
    ...deliveryFields(random),
    body: letter(random),
    session_id: world.idOf(session),
    provider_session_id: maybe(random, 0.8, () => `s:${session?.index}`),
    provider_message_id: `m_${random.hex(16)}`,
    sent_at: isoDate(world.createdAt('chatmessages', index)),
    media: media(random),
    user_id: direction === 'outbound' ? facts?.dealer_info.user_id : null,
  };
}

export const chats = { chatproviders: chatProvider, chatsessions: chatSession, chatmessages: chatMessage };
