/*
 * The whole sandbox: data, settings, log and faults, and how they are put back to the start.
 * Made by server.js; the listeners work on it.
 */

import { Collection } from './crm/collection.js';
import { resourceSchemas } from './crm/description.js';
import { ResourceSchema } from './crm/schema.js';
import { RequestLog } from './http/log.js';
import { FaultRules } from './http/rules.js';
import { makeSettings } from './http/settings.js';

export class Sandbox {
  #initialSettings;
  #createDataset;
  #schemas = new Map([...resourceSchemas].map(([resource, schema]) => [resource, new ResourceSchema(resource, schema)]));
  #data;

  /** data: {seed, scale, counts}, as createDataset takes them; settings: what differs from the defaults. */
  constructor({ dealerId, data, settings, createDataset }) {
    this.dealerId = dealerId;
    this.log = new RequestLog();
    this.faults = new FaultRules();
    this.#createDataset = createDataset;
    this.#initialSettings = makeSettings(settings);
    this.reset(data);
  }

  /** Everything as at the start; with other data when they are given. Throws a RangeError where those are wrong. */
  reset(data) {
    if (data) this.#generate({ ...this.#data, ...data });
    else for (const collection of this.collections.values()) collection.restore();
    this.settings = this.#initialSettings;
    this.log.clear();
    this.faults.clear();
  }

  changeSettings(changes) {
    this.settings = makeSettings(changes, this.settings);
  }

  collection(resource) {
    const collection = this.collections.get(resource);
    if (!collection) throw new RangeError(`there is no resource ${resource}`);
    return collection;
  }

  #generate(data) {
    const dataset = this.#createDataset(data);
    this.#data = data;
    this.collections = new Map(
      [...this.#schemas].map(([resource, schema]) => [resource, new Collection(resource, schema, dataset)]),
    );
  }
}
