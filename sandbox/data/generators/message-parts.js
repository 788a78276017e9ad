/*
 * What WhatsApp and chat messages have in common, and what their sessions tell of them.
 * Used by messages.js and chats.js.
 */

import { directionOf } from './quoted.js';

const DELIVERY_STATUSES = ['accepted', 'sent', 'delivered', 'read', 'failed'];

export function deliveryFields(random) {
  const status = random.pick(DELIVERY_STATUSES);
  return {
    delivery_status: status,
    delivery_error: status === 'failed' ? '63016: fuera de la ventana de 24 h' : undefined,
  };
}

export function media(random) {
  return random.chance(0.8)
    ? []
    : random.list(1, 2, () => ({
        url: `https://media.example/${random.hex(10)}`,
        content_type: random.pick(['image/jpeg', 'audio/ogg; codecs=opus', 'application/pdf']),
        _id: random.objectId(),
      }));
}

/** {time, direction} of a session's last message, if it has any. */
export function lastMessage(world, messages, sessions, session) {
  const last = world.children(`${messages}.session`, sessions, session).at(-1);
  if (last === undefined) return undefined;
  return { time: world.createdAt(messages, last), direction: directionOf(world, messages, last) };
}
