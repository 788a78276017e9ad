/*
 * Generators of leads: of people who want to buy a car, to sell theirs, or to have it repaired.
 */

import { compact, maybe } from '../parts/compact.js';
import { vehicleFields, vehicleSpec } from '../parts/vehicle.js';
import { leadFields } from './lead-core.js';
import { customOf } from './quoted.js';
import { carSaleFacts, specOf, vehicleFieldsOf } from './vehicles.js';

const PERIOD_UNITS = ['week', 'month', 'year'];
const FINANCE_TYPES = ['lineal', 'multiopción', 'leasing', 'renting'];

function saleLead(world, index, random) {
  const place = world.parent('saleleads.car', index);
  const inStock = place && stockCar(world, place.index);
  const wanted = random.chance(0.3) ? [wantedCar(random, world.createdAt('saleleads', index))] : [];
  const cars = [...(inStock ? [listedCar(random, inStock)] : []), ...wanted];
  return leadFields(world, { resource: 'saleleads', index }, random, {
    car_list: cars,
    finance: random.chance(0.5) ? finance(random) : null,
    computed: {
      ...(inStock ? carFields(random, inStock) : {}),
      car_list: inStock ? [carSummary(inStock)] : [],
      number_of_cars: cars.length,
      total_price_of_lead: cars.reduce((sum, { car }) => sum + (car.price ?? 0) * car.quantity, 0),
    },
  });
}

function stockCar(world, index) {
  const { prices, status, dealer_ad_url: dealerAdUrl } = carSaleFacts(world, index);
  return {
    id: world.id('cars', index),
    spec: specOf(world, 'cars', index),
    fields: vehicleFieldsOf(world, 'cars', index),
    price: prices.retail.current_price.price,
    status: status.status,
    dealerAdUrl,
    customs: customOf(world, 'cars', index),
  };
}

function listedCar(random, { id, spec, fields, price, customs }) {
  return {
    car: compact({
      quantity: 1,
      price,
      stock_number: spec.stock_number,
      custom: customs,
      ...fields,
      _id: random.objectId(),
    }),
    car_id: id,
  };
}

/* A car as the client would like it, which need not be in stock. */
function wantedCar(random, since) {
  const { make, model, body_style: bodyStyle, fuel, year, price } = vehicleSpec(random, since);
  return {
    car: compact({
      quantity: random.integer(1, 3),
      price: maybe(random, 0.5, () => price),
      price_to: price + random.amount(0, 3000),
      year_from: year - 2,
      mileage_to: random.integer(1, 15) * 10_000,
      power_from: maybe(random, 0.5, () => random.integer(90, 150)),
      make,
      model: maybe(random, 0.7, () => model),
      body_style: bodyStyle,
      fuel,
      _id: random.objectId(),
    }),
  };
}

/* What a lead tells of the car, in fields of its own and in a list: one name each way. */
function carSummary({ id, spec, price, status, dealerAdUrl, customs }) {
  return compact({
    car_id: id,
    ad_urls: spec.ad_urls,
    dealer_ad_url: dealerAdUrl,
    body_style: spec.body_style,
    category: spec.category,
    price,
    doors: spec.doors,
    fuel: spec.fuel,
    images: spec.images,
    license_plate: spec.license_plate,
    make: spec.make,
    mileage: spec.mileage,
    model: spec.model,
    power: spec.power,
    seats: spec.seats,
    stock_number: spec.stock_number,
    type: spec.type,
    transmission: spec.transmission,
    version: spec.version,
    vin: spec.vin,
    year: spec.year,
    car_customs: customs,
    status,
  });
}

function carFields(random, car) {
  const { car_id: id, car_customs: customs, price, status, type, ...rest } = carSummary(car);
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [`car_${name}`, value])),
    car_id: id,
    car_customs: customs,
    car_current_price: price,
    car_number_of_photos: car.spec.images.length,
    car_type: freeType(random, type),
  };
}

/* The description knows no type for this field. */
function freeType(random, type) {
  return random.chance(0.7) ? type : random.pick([null, { name: type, code: 7 }, [type], 7, true]);
}

function finance(random) {
  return compact({
    rate: random.decimal(0, 12, 2),
    period_unit: random.pick(PERIOD_UNITS),
    duration: random.pick([12, 36, 48, 60, 72, 96]),
    payment_value: random.decimal(80, 900, 2),
    yearly_mileage: maybe(random, 0.6, () => random.integer(1, 6) * 5000),
    down_payment: random.amount(0, 9000),
    finance_type: random.pick(FINANCE_TYPES),
    _id: random.objectId(),
  });
}

function appraisalLead(world, index, random) {
  const spec = vehicleSpec(random, world.createdAt('appraisalleads', index));
  return leadFields(world, { resource: 'appraisalleads', index }, random, {
    car: {
      ...vehicleFields(random, spec),
      _id: random.objectId(),
      plate: spec.license_plate.replace(' ', '-'),
      VIN: spec.vin,
    },
    appraisal_value: random.chance(0.7) ? random.amount(500, 30_000) : null,
    computed: {},
  });
}

function afterSaleLead(world, index, random) {
  const vehicle = world.parent('aftersaleleads.vehicle', index);
  return leadFields(world, { resource: 'aftersaleleads', index }, random, {
    vehicle_id: world.idOf(vehicle),
    computed: {
      total_price_of_lead: random.amount(0, 2500),
      vehicle: vehicle ? [vehicleSummary(world, vehicle.index)] : [],
    },
  });
}

function vehicleSummary(world, index) {
  const spec = specOf(world, 'clientvehicles', index);
  return compact({
    body_style: spec.body_style,
    category: spec.category,
    doors: spec.doors,
    fuel: spec.fuel,
    images: spec.images,
    license_plate: spec.license_plate,
    make: spec.make,
    mileage: spec.mileage,
    model: spec.model,
    power: spec.power,
    seats: spec.seats,
    transmission: spec.transmission,
    version: spec.version,
    vin: spec.vin,
    year: spec.year,
    vehicle_customs: customOf(world, 'clientvehicles', index),
  });
}

export const leads = { saleleads: saleLead, appraisalleads: appraisalLead, aftersaleleads: afterSaleLead };
