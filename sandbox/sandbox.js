/*
 * The whole sandbox: data, settings, jobs, log, faults and connections, and how they are put back to the start.
 * Made by server.js; the listeners work on it.
 */

import { isDeepStrictEqual } from 'node:util';

import { Collection } from './crm/collection.js';
import { allSchemas } from './crm/description.js';
import { Jobs } from './crm/jobs.js';
import { ResourceKinds } from './crm/kinds.js';
import { loadMongoose } from './crm/mongoose.js';
import { KeptTexts } from './crm/texts.js';
import { Connections } from './http/connections.js';
import { RequestLog } from './http/log.js';
import { RateLimiter } from './http/rate.js';
import { FaultRules } from './http/rules.js';
import { makeSettings } from './http/settings.js';

export class Sandbox {
  #initial;
  #createDataset;
  #kinds = new Map([...allSchemas].map(([resource, schema]) => [resource, new ResourceKinds(resource, schema)]));
  #data;

  /** data: {seed, scale, counts}, as createDataset takes them; settings: what differs from the defaults. */
  constructor({ dealerId, data, settings, createDataset }) {
    this.dealerId = dealerId;
    this.connections = new Connections();
    this.log = new RequestLog();
    this.faults = new FaultRules();
    this.jobs = new Jobs();
    this.#createDataset = createDataset;
    this.#initial = { data, settings: makeSettings(settings) };
    this.reset();
  }

  /** Everything as at the start, but for what the data are told to be: {seed, scale, counts}. */
  reset(changes) {
    const data = { ...this.#initial.data, ...changes };
    if (isDeepStrictEqual(data, this.#data)) for (const collection of this.collections.values()) collection.restore();
    else this.#generate(data);
    this.#use(this.#initial.settings);
    this.log.clear();
    this.faults.clear();
    this.jobs.clear();
  }

  changeSettings(changes) {
    this.#use(makeSettings(changes, this.settings));
  }

  /** A limit counts anew when it is set, not when other settings are. */
  #use(settings) {
    if (this.settings?.rate_limit !== settings.rate_limit) this.rateLimiter = new RateLimiter(settings.rate_limit);
    loadMongoose(settings.mongoose);
    this.settings = settings;
  }

  collection(resource) {
    const collection = this.collections.get(resource);
    if (!collection) throw new RangeError(`there is no resource ${resource}`);
    return collection;
  }

  #generate(data) {
    const dataset = this.#createDataset({ ...data, dealerId: this.dealerId });
    const texts = new KeptTexts();
    this.#data = data;
    this.collections = new Map(
      [...this.#kinds].map(([resource, kinds]) => [resource, new Collection(resource, kinds, texts, dataset)]),
    );
  }
}
