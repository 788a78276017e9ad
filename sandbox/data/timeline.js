/*
 * When things happened. The data cover the same years on every day they are made: the clock is never
 * asked. Used by all that makes dates.
 */

const START = Date.UTC(2019, 0, 7, 8);

/** The "now" of the data: nothing was created after it. */
export const REFERENCE = Date.UTC(2026, 5, 30, 20);

export const SPAN = REFERENCE - START;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** The time, in milliseconds, that is this fraction of the years covered after their start. */
export function timeAt(fraction) {
  return START + Math.floor(fraction * SPAN);
}

/** A time up to so many days after another, but not after the reference date. */
export function later(random, time, days) {
  return Math.min(time + Math.floor(random.fraction() * days * DAY), REFERENCE);
}

export function isoDate(time) {
  return new Date(time).toISOString();
}
