/*
 * What the CRM keeps about the work on a document: status, notification, origin, assignment.
 * Used by generators/.
 */

import { DAY, HOUR, isoDate, later } from '../timeline.js';
import { CAMPAIGNS, ORIGIN_MEDIUMS, ORIGIN_SOURCES, PROVIDERS } from '../vocabulary/texts.js';
import { compact, maybe } from './compact.js';

/** {status_history, status}: the way through some of `statuses`, and where it has come to. */
export function statusFields(random, world, statuses, since) {
  let time = since;
  const reached = statuses.slice(0, random.integer(1, statuses.length));
  const history = reached.map(([status, substatuses]) => {
    time = later(random, time, 12);
    return statusEntry(random, world, status, random.sample(substatuses, random.integer(0, 2)), time);
  });
  const { substatus_history: substatusHistory, ...current } = history.at(-1);
  return {
    status_history: history,
    status: compact({ ...current, substatus: substatusHistory.at(-1) }),
  };
}

function statusEntry(random, world, status, substatuses, time) {
  const user = world.user(random);
  return {
    assigned_at: isoDate(time),
    user,
    status,
    substatus_history: substatuses.map((substatus, i) => ({
      substatus,
      user,
      assigned_at: isoDate(time + i * HOUR),
      _id: random.objectId(),
    })),
    _id: random.objectId(),
  };
}

export function notification(random, world, since) {
  const time = since + random.integer(1, 20) * DAY;
  const done = random.chance(0.6);
  return compact({
    notify_at: isoDate(time),
    notify_to: world.users(random, 0, 3),
    done,
    done_at: done ? isoDate(time + random.integer(0, 3) * DAY) : null,
    done_by: done ? world.user(random) : undefined,
    _id: random.objectId(),
  });
}

export function origin(random) {
  return compact({
    source: random.pick(ORIGIN_SOURCES),
    medium: maybe(random, 0.8, () => random.pick(ORIGIN_MEDIUMS)),
    campaign: maybe(random, 0.4, () => random.pick(CAMPAIGNS)),
    _id: random.objectId(),
  });
}

/** Who sent a lead, and with which subject line. */
export function provider(random, subject) {
  const [name, from] = random.pick(PROVIDERS);
  return { name, from, subject, _id: random.objectId() };
}

/** {assigned, current_assigned}: to whom a lead was given, one after the other. */
export function assignedFields(random, world, since) {
  let time = since;
  const assigned = random.list(0, 3, () => {
    time = later(random, time, 5);
    return { to: world.user(random), at: isoDate(time), by: world.user(random), _id: random.objectId() };
  });
  return { assigned, current_assigned: assigned.at(-1) ?? null };
}

/** What a lead cost; a refund is negative. */
export function investments(random, world) {
  return random.list(0, 2, () => ({
    provider_id: world.outsideId('investmentproviders', random.integer(0, 5)),
    investment_id: world.outsideId('investments', random.integer(0, 40)),
    cycle_id: random.objectId(),
    cost: random.decimal(-10, 60, 4),
    _id: random.objectId(),
  }));
}
