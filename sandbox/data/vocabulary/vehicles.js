/*
 * Makes, models and equipment of the vehicles in the data. Used by parts/vehicle.js.
 */

/* [make, model, body style, category, doors, seats, price when new, engines] */
export const MODELS = [
  ['SEAT', 'Ibiza', 'Berlina', 'car', 5, 5, 18500, ['1.0 TSI', '1.0 MPI', '1.6 TDI']],
  ['SEAT', 'León', 'Berlina', 'car', 5, 5, 24900, ['1.5 TSI', '2.0 TDI', '1.4 e-Hybrid']],
  ['SEAT', 'Ateca', 'SUV', 'car', 5, 5, 29900, ['1.5 TSI', '2.0 TDI']],
  ['CUPRA', 'Formentor', 'SUV', 'car', 5, 5, 34900, ['1.5 TSI', '2.0 TSI', '1.4 e-Hybrid']],
  ['CUPRA', 'Born', 'Berlina', 'car', 5, 5, 38900, ['Eléctrico 58 kWh', 'Eléctrico 77 kWh']],
  ['Renault', 'Clio', 'Berlina', 'car', 5, 5, 17900, ['TCe', 'Blue dCi', 'E-Tech']],
  ['Renault', 'Mégane', 'Berlina', 'car', 5, 5, 26500, ['TCe', 'Blue dCi', 'Eléctrico 60 kWh']],
  ['Renault', 'Kangoo', 'Furgoneta', 'van', 4, 2, 21300, ['Blue dCi', 'TCe']],
  ['Citroën', 'C3', 'Berlina', 'car', 5, 5, 15900, ['PureTech', 'BlueHDi']],
  ['Citroën', 'Berlingo', 'Monovolumen', 'car', 5, 7, 24700, ['BlueHDi', 'Eléctrico 50 kWh']],
  ['Peugeot', '208', 'Berlina', 'car', 5, 5, 18700, ['PureTech', 'BlueHDi', 'Eléctrico 50 kWh']],
  ['Peugeot', '3008', 'SUV', 'car', 5, 5, 33900, ['PureTech', 'BlueHDi']],
  ['Toyota', 'Corolla', 'Familiar', 'car', 5, 5, 27500, ['125H Híbrido', '200H Híbrido']],
  ['Toyota', 'C-HR', 'SUV', 'car', 5, 5, 31200, ['140H Híbrido', '200H Híbrido']],
  ['Volkswagen', 'Golf', 'Berlina', 'car', 5, 5, 29800, ['1.5 TSI', '2.0 TDI', '1.4 eHybrid']],
  ['Volkswagen', 'Transporter', 'Furgoneta', 'van', 4, 3, 36400, ['2.0 TDI']],
  ['BMW', 'Serie 1', 'Berlina', 'car', 5, 5, 35900, ['118i', '118d', '120d xDrive']],
  ['BMW', 'X5', 'SUV', 'car', 5, 7, 88900, ['xDrive30d', 'xDrive50e']],
  ['Mercedes-Benz', 'Clase A', 'Berlina', 'car', 5, 5, 38200, ['A 180', 'A 200 d', 'A 250 e']],
  ['Škoda', 'Octavia', 'Familiar', 'car', 5, 5, 28300, ['1.5 TSI', '2.0 TDI']],
  ['Škoda', 'Karoq', 'SUV', 'car', 5, 5, 30100, ['1.5 TSI', '2.0 TDI']],
  ['Dacia', 'Duster', 'SUV', 'car', 5, 5, 19900, ['TCe', 'Blue dCi', 'ECO-G']],
  ['Mazda', 'MX-5', 'Cabrio', 'car', 2, 2, 33500, ['1.5 Skyactiv-G', '2.0 Skyactiv-G']],
  ['Hyundai', 'Tucson', 'SUV', 'car', 5, 5, 31900, ['1.6 TGDI', '1.6 CRDI', '1.6 HEV']],
  ['Yamaha', 'MT-07', 'Naked', 'motorcycle', 0, 2, 7999, ['689 cc']],
  ['Honda', 'NC750X', 'Trail', 'motorcycle', 0, 2, 8950, ['745 cc']],
];

export const TRIMS = ['Style', 'FR', 'Xcellence', 'Intens', 'Shine', 'Active', 'Advance', 'Édition Spéciale', 'Black "Line"', 'Business'];

/* A word in the engine's name tells the fuel; petrol if none does. */
export const FUELS = [
  [/TDI|dCi|HDi|CRDI|\d{2}d/, 'Diésel'],
  [/Eléctrico/, 'Eléctrico'],
  [/e-?Hybrid|\d{2}e| e$/, 'Híbrido enchufable'],
  [/H Híbrido|HEV|E-Tech/, 'Híbrido'],
  [/ECO-G/, 'GLP'],
];
export const DEFAULT_FUEL = 'Gasolina';

export const TRANSMISSIONS = ['Manual', 'Automático', 'Automático DSG', 'CVT'];

export const COLORS = ['Blanco', 'Negro', 'Gris Plata', 'Azul Índigo', 'Rojo Carmín', 'Verde Botánico', 'Marrón Café', 'Añil'];

export const EXTRAS = [
  'Aire acondicionado', 'Climatizador bizona', 'Navegador', 'Techo panorámico', 'Cámara de visión trasera', 'Llantas de 18"',
  'Faros LED', 'Asientos calefactables', 'Sensor de aparcamiento', 'Control de crucero', 'Bola de remolque', 'Android Auto',
];

/* [description, code, category, price] */
export const EQUIPMENT = [
  ['Climatizador automático bizona', 'PH5', 'Confort', 0],
  ['Paquete de invierno: asientos y volante calefactables', 'PW2', 'Paquetes', 640],
  ['Llantas de aleación de 18" «Dynamic»', 'PJK', 'Exterior', 785.5],
  ['Techo solar eléctrico panorámico', 'WLP', 'Exterior', 1130],
  ['Asistente de salida involuntaria de carril', 'PWA', 'Seguridad', 0],
  ['Reconocimiento de señales de tráfico', '8G1', 'Seguridad', 275.25],
  ['Sistema de sonido Beats® de 340 W', '9VS', 'Multimedia', 430],
  ['Cuadro digital de 10,25"', '9S0', 'Multimedia', 395],
  ['Pintura metalizada', 'M0', 'Exterior', 520.66],
  ['Rueda de repuesto de emergencia', '1G1', 'Seguridad', 121],
];

export const PACKAGE_ITEMS = [
  ['Asientos delanteros calefactables', '4A3'],
  ['Volante calefactable', '2ZT'],
  ['Depósito de limpiaparabrisas con calefacción', '9T1'],
  ['Retrovisores abatibles eléctricamente', '6YK'],
];

export const SOURCES = ['compra', 'tasación', 'renting', 'subasta', 'Stock fábrica', 'gestión de venta'];

export const DATA_PROVIDERS = ['eurotax', 'jato', 'ganvam'];

export const REPAIR_TYPES = ['revisión', 'garantía', 'chapa y pintura', 'ITV', 'neumáticos'];

/* [job, category, part, part's price, labour, labour's price] */
export const REPAIRS = [
  ['Cambio de aceite y filtros', 'mantenimiento', 'Aceite 5W-30 (5 l)', 48.75, 'Mano de obra mecánica', 65],
  ['Sustitución de pastillas de freno', 'frenos', 'Juego de pastillas delanteras', 74.9, 'Montaje de frenos', 82.5],
  ['Reparación de paragolpes', 'carrocería', 'Paragolpes trasero', 389, 'Chapa', 210],
  ['Cambio de neumáticos', 'neumáticos', 'Neumático 225/45 R17', 96.4, 'Montaje y equilibrado', 14.5],
  ['Abono por pieza devuelta', 'abonos', 'Batería 70 Ah', -118.2, 'Devolución de mano de obra', -30],
];
