/*
 * Long work in short slices, so that a scan of a million documents does not keep other requests
 * waiting. Used by snapshot.js and cursor.js.
 */

import { setImmediate } from 'node:timers/promises';

const SLICE_MS = 15;
const STEPS_BETWEEN_LOOKS = 64;

/** Calls step() until it returns false, letting other work in every few milliseconds. */
export async function inSlices(step) {
  let deadline = performance.now() + SLICE_MS;
  for (let done = 1; step(); done++) {
    if (done % STEPS_BETWEEN_LOOKS === 0 && performance.now() > deadline) {
      await setImmediate();
      deadline = performance.now() + SLICE_MS;
    }
  }
}
