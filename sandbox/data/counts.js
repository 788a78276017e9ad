/*
 * How many documents each resource has. Used by index.js.
 */

const MIN_COUNT = 3;

/* Documents for each document of the largest resource, as a mid-sized dealer has them. */
const SHARES = {
  aftersaleleads: 0.4,
  appraisalleads: 0.15,
  cars: 0.3,
  chatmessages: 0.4,
  chatproviders: 0.02,
  chatsessions: 0.12,
  clients: 0.5,
  clientvehicles: 0.4,
  conferences: 0.7,
  contacts: 0.7,
  dates: 0.4,
  leadimporttasks: 0.15,
  notes: 0.6,
  offers: 0.2,
  repairorders: 0.35,
  saleleads: 0.6,
  sms: 0.4,
  tasks: 0.5,
  whatsappmessages: 1,
  whatsappsessions: 0.25,
};

/* A dealer has few of these, however large it is. */
const MAX_COUNTS = { chatproviders: 12 };

export const RESOURCES = Object.keys(SHARES);

/** {resource: count} for a scale; `overrides` has the counts that are given. */
export function countDocuments(scale, overrides) {
  return Object.fromEntries(
    Object.entries(SHARES).map(([resource, share]) => {
      const proportionate = Math.min(Math.round(share * scale), MAX_COUNTS[resource] ?? Infinity);
      return [resource, overrides[resource] ?? Math.max(proportionate, MIN_COUNT)];
    }),
  );
}
