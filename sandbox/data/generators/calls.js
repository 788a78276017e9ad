/*
 * Generator of telephone calls (conferences).
 */

import { compact, maybe } from '../parts/compact.js';
import { custom } from '../parts/custom.js';
import { phone } from '../parts/person.js';
import { notification, origin } from '../parts/workflow.js';
import { isoDate } from '../timeline.js';
import { LOCATIONS } from '../vocabulary/people.js';
import { CALL_EVENTS, CAMPAIGNS, IGNORE_REASONS, PHONE_LINES } from '../vocabulary/texts.js';
import { clientName, clientPhone } from './client-core.js';
import { callFacts, directionOf } from './quoted.js';

const CALL_TYPES = ['walcu_phone', 'sip', 'gsm', 'forwarded'];
const PLATFORMS = [['Android', '14'], ['iOS', '17.4.1'], ['Windows', '11'], ['Chrome', '126.0']]; // prettier-ignore
const SECOND = 1000;

function conference(world, index, random) {
  const made = world.createdAt('conferences', index);
  const client = world.parent('conferences.client', index);
  const { status, duration, note } = callFacts(world, index);
  const attended = status === 'completed';
  const users = world.users(random, 1, 3);
  const participants = attended
    ? [clientParticipant(random, made, duration), ...users.map((user, i) => userParticipant(random, user, i, made))]
    : [];
  return {
    origin: origin(random),
    location: random.pick(LOCATIONS),
    ...telephonyIds(world, random),
    ...times(random, duration),
    campaign: maybe(random, 0.3, () => random.pick(CAMPAIGNS)),
    ...charges(random),
    note,
    notification: random.chance(0.3) ? notification(random, world, made) : null,
    extensions: random.list(0, 2, () => String(random.integer(100, 999))),
    flow_events: random
      .sample(CALL_EVENTS, random.integer(0, 3))
      .map((type, i) => flowEvent(random, type, made + i * SECOND)),
    call_type: random.pick(CALL_TYPES),
    recording_url: attended ? `https://grabaciones.example/${random.hex(12)}.mp3` : null,
    voicemail: status === 'voicemail',
    direction: directionOf(world, 'conferences', index),
    client_number: clientPhone(world, client),
    dealer_number: '+34910000000',
    status,
    made_at: isoDate(made),
    client_attended: attended,
    users,
    ringed_users: users,
    unavailable_users: world.users(random, 0, 2),
    participant_users: attended ? users : [],
    invitations: random.list(0, 2, () => invitation(random, users, made)),
    transfers: random.chance(0.15) ? [transfer(world, random, made)] : [],
    participants,
    computed: {
      client_name: clientName(world, client),
      ...platformFields(participants.filter(({ type }) => type === 'user')),
      phone_customs: custom(random),
      phone_friendly_name: random.pick(PHONE_LINES),
    },
  };
}

function telephonyIds(world, random) {
  return {
    twilio_account_sid: `AC${world.outsideId('telephony accounts', 0)}`,
    friendly_name: `conf ${random.hex(6)}`,
    conference_sid: `CF${random.hex(32)}`,
    gsm_uuid: maybe(random, 0.2, () => random.uuid()),
    uuid: random.uuid(),
    sipResponseCode: random.pick([200, 200, 200, 404, 486, 603]),
  };
}

function times(random, duration) {
  return {
    duration,
    queue_time: random.decimal(0, 40, 2),
    ringing_time: random.decimal(0, 30, 2),
    processing_time: random.decimal(0, 2, 3),
  };
}

/* The provider's price is negative, what the CRM charges is not; the parts are strings. */
function charges(random) {
  const costs = random.list(0, 2, () => random.decimal(0, 0.2, 5));
  return {
    price: random.chance(0.8) ? random.decimal(-0.2, 0, 5) : null,
    price_unit: random.pick(['USD', 'EUR']),
    costs: costs.map((cost) => ({
      type: random.pick(['inbound', 'recording']),
      cost: String(cost),
      _id: random.objectId(),
    })),
    cost: Number(costs.reduce((sum, cost) => sum + cost, 0).toFixed(5)),
  };
}

function flowEvent(random, type, time) {
  return {
    start_date: isoDate(time),
    end_date: isoDate(time + random.integer(0, 900)),
    path: `/menú/${random.integer(1, 9)}`,
    type,
    _id: random.objectId(),
  };
}

function invitation(random, users, made) {
  return compact({
    reason: random.pick(['assigned', 'queue', 'overflow']),
    number: phone(random),
    started_at: isoDate(made),
    finished_at: isoDate(made + random.integer(1, 40) * SECOND),
    target: maybe(random, 0.7, () => random.pick(users)),
    used: random.chance(0.5),
    dial_steps: random.list(0, 2, (step) => dialStep(random, users, made + step * 20 * SECOND)),
    _id: random.objectId(),
  });
}

function dialStep(random, users, started) {
  return {
    started_at: isoDate(started),
    finished_at: isoDate(started + 20 * SECOND),
    call_invites: users.map((user) => callInvite(random, user)),
    _id: random.objectId(),
  };
}

function callInvite(random, user) {
  const ignored = random.chance(0.4);
  return compact({
    call_sid: `CA${random.hex(32)}`,
    to: `client:${user}`,
    user_id: user,
    notification_sid: maybe(random, 0.5, () => `NT${random.hex(32)}`),
    notification_tag: maybe(random, 0.5, () => random.hex(8)),
    status: ignored ? 'ignored' : 'answered',
    ignore_reason: ignored ? ignoreReason(random) : undefined,
    _id: random.objectId(),
  });
}

function ignoreReason(random) {
  return {
    type: random.pick(IGNORE_REASONS),
    cause: random.pick(['timeout', 'user', 'red móvil']),
    _id: random.objectId(),
  };
}

function transfer(world, random, made) {
  const status = random.pick(['completed', 'rejected']);
  return compact({
    from_user: world.user(random),
    from_sid: `CA${random.hex(32)}`,
    to_user: maybe(random, 0.7, () => world.user(random)),
    to_sid: `CA${random.hex(32)}`,
    to_group: maybe(random, 0.5, () => world.outsideId('groups', random.integer(0, 4))),
    made_at: isoDate(made + 30 * SECOND),
    status,
    ignore_reason: status === 'rejected' ? random.pick(IGNORE_REASONS) : null,
    invitation_index: random.integer(0, 1),
    _id: random.objectId(),
  });
}

function clientParticipant(random, made, duration) {
  return {
    type: 'client',
    call_sid: `CA${random.hex(32)}`,
    entered_at: isoDate(made),
    left_at: isoDate(made + duration * SECOND),
    status: 'left',
    _id: random.objectId(),
  };
}

function userParticipant(random, user, position, made) {
  const [name, version] = random.pick(PLATFORMS);
  const ignored = position > 0 && random.chance(0.4);
  return compact({
    type: 'user',
    invitation_index: 0,
    step_index: random.integer(0, 1),
    call_invite_index: position,
    call_sid: `CA${random.hex(32)}`,
    user_id: user,
    entered_at: isoDate(made + random.integer(1, 20) * SECOND),
    left_at: random.chance(0.9) ? isoDate(made + random.integer(21, 900) * SECOND) : null,
    user_state: random.pick(['available', 'busy', 'en reunión']),
    status: ignored ? 'ignored' : 'left',
    ignore_reason: ignored ? random.pick(IGNORE_REASONS) : undefined,
    platform_name: name,
    platform_version: version,
    _id: random.objectId(),
  });
}

function platformFields(participants) {
  const [first] = participants;
  return {
    first_user_participant: first?.user_id ?? null,
    first_user_platform: first?.platform_name ?? null,
    first_user_version: first?.platform_version,
    longest_user_platform: participants.at(-1)?.platform_name,
  };
}

export const calls = { conferences: conference };
