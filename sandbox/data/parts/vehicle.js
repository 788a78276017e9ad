/*
 * The description of a vehicle, as in stock, in a garage or in a lead. Used by generators/.
 */

import { isoDate, later } from '../timeline.js';
import { LOCATIONS } from '../vocabulary/people.js';
import {
  COLORS,
  DATA_PROVIDERS,
  DEFAULT_FUEL,
  EQUIPMENT,
  EXTRAS,
  FUELS,
  MODELS,
  PACKAGE_ITEMS,
  TRANSMISSIONS,
  TRIMS,
} from '../vocabulary/vehicles.js';
import { compact, maybe } from './compact.js';
import { custom } from './custom.js';

const PLATE_LETTERS = 'BCDFGHJKLMNPRSTVWXYZ';
const VIN_DIGITS = 'ABCDEFGHJKLMNPRSTUVWXYZ0123456789';

/** What identifies and describes the vehicle: the fields that every mention of it repeats. */
export function vehicleSpec(random, since) {
  const [make, model, bodyStyle, category, doors, seats, listPrice, engines] = random.pick(MODELS);
  const engine = random.pick(engines);
  const power = random.integer(65, 340);
  const age = random.integer(0, 14);
  const year = new Date(since).getUTCFullYear() - age;
  const fuel = FUELS.find(([pattern]) => pattern.test(engine))?.[1] ?? DEFAULT_FUEL;
  return {
    make,
    model,
    version: `${engine} ${power} CV ${random.pick(TRIMS)}`,
    year,
    month: random.integer(1, 12),
    license_plate: licensePlate(random),
    vin: Array.from({ length: 17 }, () => random.pick(VIN_DIGITS)).join(''),
    stock_number: `VO-${random.integer(1000, 99999)}`,
    mileage: age === 0 ? random.integer(0, 300) : random.integer(4000, 22000) * age,
    fuel,
    transmission: random.pick(TRANSMISSIONS),
    power,
    doors,
    seats,
    body_style: bodyStyle,
    color: random.pick(COLORS),
    type: age === 0 ? random.pick(['new', 'km0', 'demo']) : 'used',
    category,
    images: images(random),
    ad_urls: random.list(0, 2, () => `https://coches.example/anuncio/${random.word()}?utm_source=crm&precio=sí`),
    price: Math.round((listPrice * 0.88 ** age) / 50) * 50,
  };
}

function licensePlate(random) {
  const digits = String(random.integer(0, 9999)).padStart(4, '0');
  return `${digits} ${random.pick(PLATE_LETTERS)}${random.pick(PLATE_LETTERS)}${random.pick(PLATE_LETTERS)}`;
}

function images(random) {
  const album = random.hex(8);
  return random.list(0, 8, (i) => `https://img.concesionario.example/${album}/${i + 1}.jpg`);
}

/** The fields of a whole vehicle that do not concern its sale: a spec and its technical data. */
export function vehicleFields(random, { price, stock_number: stockNumber, ...spec }) {
  return {
    external_ids: random.list(0, 2, () => ({
      type: random.pick(['dms', 'portal']),
      attribute: random.pick(['id', 'código']),
      value: String(random.integer(1, 999_999)).padStart(6, '0'),
      _id: random.objectId(),
    })),
    provider_codes: { eurotax: String(random.integer(10_000_000, 19_999_999)), _id: random.objectId() },
    ...spec,
    model_year: spec.year,
    location: random.pick(LOCATIONS),
    warranty_months: random.pick([0, 12, 24, 36]),
    fiscal_power: random.decimal(7, 18, 2),
    engine_size: random.integer(899, 2998),
    engine_serial_number: random.hex(10).toUpperCase(),
    extras: random.sample(EXTRAS, random.integer(0, 6)),
    equipment: random.sample(EQUIPMENT, random.integer(0, 4)).map((item) => equipmentItem(random, item)),
    co2_emissions: random.decimal(0, 240, 1),
    data_provider_id: random.pick(DATA_PROVIDERS),
    weights: compact({
      gross: random.integer(1500, 2600),
      dry: maybe(random, 0.5, () => random.decimal(1000, 1600, 1)),
      curb: random.integer(1050, 1900),
      _id: random.objectId(),
    }),
  };
}

function equipmentItem(random, [description, code, category, price]) {
  const isPackage = category === 'Paquetes';
  return compact({
    description,
    code,
    price,
    category,
    optional: price > 0,
    package_items: isPackage
      ? random.sample(PACKAGE_ITEMS, 2).map(([text, item]) => ({ description: text, code: item, _id: random.objectId() }))
      : [],
    custom: custom(random),
    _id: random.objectId(),
  });
}

/* [kind of price, share of the retail price, how often a car has it] */
const PRICE_KINDS = [
  ['retail', 1, 1],
  ['financed', 0.94, 0.7],
  ['wholesale', 0.82, 0.4],
  ['new', 1.3, 0.4],
  ['export', 0.8, 0.2],
  ['purchase', 0.75, 0.7],
];

/** A car's prices, each with those it had before. */
export function prices(random, retailPrice, since) {
  const kinds = PRICE_KINDS.filter(([, , frequency]) => random.chance(frequency));
  return {
    ...Object.fromEntries(kinds.map(([kind, share]) => [kind, priceOfKind(random, retailPrice * share, since)])),
    _id: random.objectId(),
  };
}

function priceOfKind(random, amount, since) {
  let time = since;
  const earlier = random.list(0, 2, () => {
    time = later(random, time, 40);
    return price(random, amount * random.decimal(1.01, 1.15, 3), time);
  });
  return {
    source: random.pick(['manual', 'dms', 'api']),
    current_price: price(random, amount, later(random, time, 40)),
    previous_prices: earlier,
    _id: random.objectId(),
  };
}

function price(random, amount, time) {
  return {
    price: random.chance(0.8) ? Math.round(amount / 10) * 10 : Math.round(amount * 100) / 100,
    currency: 'EUR',
    vat_substractable: random.chance(0.3),
    vat_percent: random.pick([21, 21, 21, 10, 5.2, 0]),
    created_at: isoDate(time),
    _id: random.objectId(),
  };
}
