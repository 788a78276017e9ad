/*
 * Which document refers to which, as arithmetic on their positions. Used by world.js.
 *
 * Both directions can be computed, so that what a document says of others (a lead's tasks, a client's
 * number of leads) is true, without a list of references being kept.
 */

/* Most come soon after what they belong to, some years later: the parts of all time they lag behind. */
const SOON = [0];
const RETURNING = [0, 0.01, 0, 0.1, 0.35];

/*
 * `parents`: what the first, second, ... document belongs to, again and again; null is nothing.
 */
const LINKS = {
  'contacts.client': { parents: ['clients'], lags: SOON },
  'clientvehicles.owner': { parents: ['clients'], lags: RETURNING },
  'saleleads.client': { parents: ['clients'], lags: RETURNING },
  'saleleads.car': { parents: ['cars', 'cars', null], lags: SOON },
  'appraisalleads.client': { parents: ['clients'], lags: RETURNING },
  'aftersaleleads.vehicle': { parents: ['clientvehicles'], lags: RETURNING },
  'repairorders.vehicle': { parents: ['clientvehicles'], lags: RETURNING },
  'notes.subject': { parents: ['saleleads', 'aftersaleleads', 'saleleads', 'clients', 'appraisalleads'], lags: SOON },
  'tasks.subject': { parents: ['saleleads', 'aftersaleleads', 'saleleads', 'appraisalleads', null], lags: SOON },
  'dates.subject': { parents: ['saleleads', 'aftersaleleads', 'clients', 'appraisalleads', 'saleleads', null], lags: SOON },
  'offers.subject': { parents: ['saleleads', 'saleleads', 'aftersaleleads', 'saleleads', 'appraisalleads'], lags: SOON },
  'leadimporttasks.lead': { parents: ['saleleads', 'appraisalleads', 'saleleads', null], lags: SOON },
  'conferences.client': { parents: ['clients', 'clients', 'clients', null], lags: RETURNING },
  'sms.client': { parents: ['clients'], lags: RETURNING },
  'whatsappsessions.client': { parents: ['clients'], lags: RETURNING },
  'whatsappmessages.session': { parents: ['whatsappsessions'], lags: SOON },
  'chatsessions.client': { parents: ['clients'], lags: RETURNING },
  'chatmessages.session': { parents: ['chatsessions'], lags: SOON },
};

export class Links {
  #links;

  /** counts: {resource: number of documents} */
  constructor(counts) {
    this.#links = Object.fromEntries(
      Object.entries(LINKS).map(([name, { parents, lags }]) => [name, new Link(name.split('.')[0], parents, lags, counts)]),
    );
  }

  /** {resource, index} that the document belongs to, or undefined. */
  parent(link, index) {
    return this.#links[link].parent(index);
  }

  /** Positions of the documents that belong to this one, in order. */
  children(link, resource, index) {
    return this.#links[link].children(resource, index);
  }
}

/* The children in turn go to the resources of a pattern; within one resource a Spread places them. */
class Link {
  #pattern;
  #spreads = new Map();

  constructor(resource, pattern, lags, counts) {
    const children = counts[resource];
    this.#pattern = pattern.map((parent, place) => ({ parent, rank: occurrences(pattern.slice(0, place), parent) }));
    for (const parent of new Set(pattern.filter((name) => name !== null))) {
      const places = pattern.flatMap((name, place) => (name === parent ? [place] : []));
      const share = places.reduce((sum, place) => sum + Math.ceil(Math.max(0, children - place) / pattern.length), 0);
      this.#spreads.set(parent, { places, spread: new Spread(share, counts[parent], lags) });
    }
  }

  parent(index) {
    const { parent, rank } = this.#pattern[index % this.#pattern.length];
    if (parent === null) return undefined;
    const { places, spread } = this.#spreads.get(parent);
    const ordinal = Math.floor(index / this.#pattern.length) * places.length + rank;
    const position = spread.parent(ordinal);
    return position === undefined ? undefined : { resource: parent, index: position };
  }

  children(resource, index) {
    const entry = this.#spreads.get(resource);
    if (!entry) return [];
    const { places, spread } = entry;
    return spread
      .children(index)
      .map((ordinal) => Math.floor(ordinal / places.length) * this.#pattern.length + places[ordinal % places.length]);
  }
}

/* Places children evenly over parents; each lag moves its part of the children to earlier parents. */
class Spread {
  #children;
  #parents;
  #lags;

  constructor(children, parents, lags) {
    this.#children = children;
    this.#parents = parents;
    this.#lags = lags.map((lag) => Math.floor(lag * parents));
  }

  parent(child) {
    if (this.#parents === 0) return undefined;
    const even = Math.floor((child * this.#parents) / this.#children);
    const lag = this.#lags[child % this.#lags.length];
    return even >= lag ? even - lag : even;
  }

  children(parent) {
    const candidates = new Set([parent, ...this.#lags.map((lag) => parent + lag)]);
    return [...candidates]
      .filter((even) => even < this.#parents)
      .flatMap((even) => this.#evenChildren(even))
      .filter((child) => this.parent(child) === parent)
      .sort((a, b) => a - b);
  }

  #evenChildren(parent) {
    const first = Math.ceil((parent * this.#children) / this.#parents);
    const end = Math.ceil(((parent + 1) * this.#children) / this.#parents);
    return Array.from({ length: end - first }, (_, i) => first + i);
  }
}

function occurrences(values, wanted) {
  return values.filter((value) => value === wanted).length;
}
