/*
 * The versions of Mongoose that the service may run. Each is loaded when it is first wanted: all of
 * them together take seconds. Used by kinds.js, and by sandbox.js as soon as a setting names a version,
 * so that no request has to wait for it.
 */

import { createRequire } from 'node:module';

const PACKAGES = { 8: 'mongoose8', 7: 'mongoose7', 6: 'mongoose6', 5: 'mongoose5' };

/** The major versions, the newest first. */
export const MONGOOSES = Object.keys(PACKAGES).map(Number).reverse();

/** Says how Mongoose treats a filter's paths that the schema does not know; `default`: as the version does. */
export const STRICT_QUERIES = ['default', 'true', 'false'];

const require = createRequire(import.meta.url);

export const loadMongoose = (version) => require(PACKAGES[version]);

/** A Mongoose of its own: nothing that is set in it concerns another. */
export function makeMongoose(version, strictQuery) {
  const { Mongoose } = loadMongoose(version);
  const mongoose = new Mongoose();
  if (strictQuery !== 'default') mongoose.set('strictQuery', strictQuery === 'true');
  return mongoose;
}
