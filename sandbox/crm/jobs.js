/*
 * Background jobs: a query that is answered later, as one stream on the results host.
 * Made by GET /R/all, asked for by GET /deferredrequests/{id}.
 */

import { randomBytes } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import { newObjectIdText } from '../mongo/object_id.js';

/** A job holds on to the data as they were: old ones are forgotten. */
const KEPT = 1000;

/** States that a job ends in, or never leaves. A vanished one is no longer known. */
export const JOB_OUTCOMES = ['finished', 'failed', 'vanished', 'queued', 'processing'];

/** What a state tells. */
const FACTS = {
  finished: (job) => ({ found_documents: job.found, results_url: job.resultsUrl }),
  failed: ({ error = 'the sandbox was told to let this job fail' }) => ({ error }),
};

export class Jobs {
  #jobs = new LRUCache({ max: KEPT });

  /** results: {snapshot, cursor, projection}; polls: how often the job is still being processed when asked. */
  start(resource, results, { polls, outcome, resultsUrl }) {
    const id = newObjectIdText();
    const signature = randomBytes(16).toString('hex');
    const job = { id, signature, resource, ...results, polls, outcome, resultsUrl: resultsUrl(id), found: undefined };
    this.#jobs.set(id, job);
    results.cursor.count().then(
      (found) => Object.assign(job, { found }),
      (error) => Object.assign(job, { found: 0, outcome: 'failed', error: error.message }),
    );
    return job;
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** The job's state, as asking for it shows it; undefined when it has vanished or never was. */
  poll(id) {
    const job = this.#jobs.get(id);
    if (!job) return undefined;
    if (job.polls-- > 0 || job.found === undefined) return { status: job.outcome === 'queued' ? 'queued' : 'processing' };
    if (job.outcome === 'vanished') return undefined;
    return { status: job.outcome, ...FACTS[job.outcome]?.(job) };
  }

  /** A job whose results can be had, or undefined. */
  results(id) {
    const job = this.#jobs.get(id);
    return job?.outcome === 'finished' && job.found !== undefined ? job : undefined;
  }

  clear() {
    this.#jobs.clear();
  }
}
