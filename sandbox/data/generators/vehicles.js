/*
 * Generators of cars (in stock), client vehicles and their repair orders.
 */

import { compact, maybe } from '../parts/compact.js';
import { gdpr } from '../parts/person.js';
import { remark } from '../parts/text.js';
import { prices, vehicleFields, vehicleSpec } from '../parts/vehicle.js';
import { statusFields } from '../parts/workflow.js';
import { DAY, isoDate, later } from '../timeline.js';
import { LOCATIONS } from '../vocabulary/people.js';
import { CAR_STATUSES } from '../vocabulary/texts.js';
import { REPAIR_TYPES, REPAIRS, SOURCES } from '../vocabulary/vehicles.js';
import { bulkImportIds } from './quoted.js';

const DAYS_A_YEAR = 365;

/** The spec of a vehicle, as all documents that mention it tell it. resource: cars or clientvehicles. */
export function specOf(world, resource, index) {
  return vehicleSpec(world.random(`${resource} spec`, index), world.createdAt(resource, index));
}

/** The technical data of a vehicle; a lead on a car repeats them. */
export function vehicleFieldsOf(world, resource, index) {
  return vehicleFields(world.random(`${resource} fields`, index), specOf(world, resource, index));
}

/** What a car in stock costs, where it stands and where it is advertised, as leads repeat it. */
export function carSaleFacts(world, index) {
  const random = world.random('car sale facts', index);
  const created = world.createdAt('cars', index);
  return {
    ...statusFields(random, world, CAR_STATUSES, created),
    prices: prices(random, specOf(world, 'cars', index).price, created),
    dealer_ad_url: `https://concesionario.example/ocasión/${index}`,
  };
}

function car(world, index, random) {
  const created = world.createdAt('cars', index);
  const spec = specOf(world, 'cars', index);
  const saleFacts = carSaleFacts(world, index);
  const leads = world.children('saleleads.car', 'cars', index);
  return {
    ...saleFacts,
    stock_number: spec.stock_number,
    source: random.pick(SOURCES),
    purchase_date: isoDate(created - random.integer(0, 40) * DAY),
    unpublished_at: random.chance(0.4) ? isoDate(later(random, created, 200)) : null,
    published: random.chance(0.7),
    description: [spec.make, spec.model, spec.version, '—', remark(random)].join(' '),
    ...vehicleFieldsOf(world, 'cars', index),
    computed: compact({
      car_last_salelead_date: leads.length ? isoDate(world.createdAt('saleleads', leads.at(-1))) : null,
      car_main_image: spec.images[0],
      car_number_of_saleleads: leads.length,
      price: saleFacts.prices.retail.current_price.price,
    }),
  };
}

function clientVehicle(world, index, random) {
  const created = world.createdAt('clientvehicles', index);
  const fields = vehicleFieldsOf(world, 'clientvehicles', index);
  const owner = world.parent('clientvehicles.owner', index);
  const orders = world.children('repairorders.vehicle', 'clientvehicles', index);
  return {
    bulk_import_ids: bulkImportIds(world, random),
    lead_import_ids: [],
    owner_history: owner ? [tenure(world, random, owner, created)] : [],
    driver_history: owner && random.chance(0.5) ? [tenure(world, random, owner, created)] : [],
    declared_mileage_history: random.list(0, 3, (i) => ({
      date: isoDate(created + i * DAYS_A_YEAR * DAY),
      mileage: fields.mileage + i * 12_000,
      _id: random.objectId(),
    })),
    ...fields,
    computed: {
      average_yearly_mileage: random.decimal(2000, 40000, 2),
      driver_gdpr: random.chance(0.5) ? gdpr(random, created) : null,
      location: fields.location,
      number_of_orders: orders.length,
      orders: orders.map((order, i) => orderSummary(world, order, i === orders.length - 1)),
      owner_gdpr: gdpr(random, created),
    },
  };
}

/* A stretch of time for which somebody had the vehicle. */
function tenure(world, random, client, since) {
  const contacts = world.children('contacts.client', 'clients', client.index);
  return compact({
    client_id: world.idOf(client),
    contact_id: contacts.length ? world.id('contacts', contacts[0]) : undefined,
    from_date: isoDate(since - random.integer(0, 3000) * DAY),
    to_date: maybe(random, 0.6, () => (random.chance(0.5) ? isoDate(later(random, since, 900)) : null)),
    _id: random.objectId(),
  });
}

/* What a vehicle's document repeats of a repair order. */
function orderSummary(world, index, isLatest) {
  const { date, mileage, type, location } = orderFacts(world, index);
  return { repair_order_id: world.id('repairorders', index), type, date, mileage, latest_of_type: isLatest, location };
}

function orderFacts(world, index) {
  const random = world.random('order facts', index);
  return {
    date: isoDate(world.createdAt('repairorders', index) + random.integer(0, 3) * DAY),
    mileage: random.integer(5000, 280_000),
    type: random.pick(REPAIR_TYPES),
    location: random.pick(LOCATIONS),
  };
}

function repairOrder(world, index, random) {
  const vehicle = world.parent('repairorders.vehicle', index);
  const spec = vehicle && specOf(world, 'clientvehicles', vehicle.index);
  const client = vehicle && world.parent('clientvehicles.owner', vehicle.index);
  const contacts = client ? world.children('contacts.client', 'clients', client.index) : [];
  return {
    repair_order_number: `OR-${String(index + 1).padStart(7, '0')}`,
    ...orderFacts(world, index),
    invoices: random.list(0, 2, () => invoice(random)),
    client_id: world.idOf(client),
    contact_id: contacts.length ? world.id('contacts', contacts[0]) : undefined,
    finished: random.chance(0.8),
    vehicle_handed_back: random.chance(0.7),
    car_info: spec ? { vin: spec.vin, license_plate: spec.license_plate, _id: random.objectId() } : null,
    computed: { vehicle: spec ? [vehicleSummary(random, spec)] : [] },
  };
}

function invoice(random) {
  const jobs = random.sample(REPAIRS, random.integer(1, 3)).map((repair) => job(random, repair));
  const total = jobs.flatMap(({ parts, labors }) => [...parts, ...labors]).reduce((sum, { price }) => sum + price, 0);
  return {
    invoice_number: `F${random.integer(19, 26)}/${random.integer(1, 99_999)}`,
    price: Math.round(total * 100) / 100,
    jobs,
    _id: random.objectId(),
  };
}

function job(random, [description, category, part, partPrice, labor, laborPrice]) {
  return {
    description,
    category,
    parts: [{ part_id: random.hex(8).toUpperCase(), part_description: part, price: partPrice, _id: random.objectId() }],
    labors: [{ labor_id: random.hex(6).toUpperCase(), description: labor, price: laborPrice, _id: random.objectId() }],
    _id: random.objectId(),
  };
}

function vehicleSummary(random, { year, month, make, model }) {
  return { model_year: year, year, month, make, model, _id: random.objectId() };
}

export const vehicles = { cars: car, clientvehicles: clientVehicle, repairorders: repairOrder };
