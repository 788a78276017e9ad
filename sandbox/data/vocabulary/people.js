/*
 * Names, places and firms of the people in the data. Used by parts/person.js.
 */

export const GIVEN_NAMES = {
  female: [
    'María', 'Carmen', 'Lucía', 'Begoña', 'Inés', 'Sofía', 'Rocío', 'Nuria', 'Ángela', 'Belén', 'Mónica', 'Concepción',
    'Ainhoa', 'Montserrat', 'Verónica', 'Aitana', 'María José', 'Noèlia', 'Yolanda', 'Uxía',
  ],
  male: [
    'José', 'Antonio', 'Jesús', 'Iñaki', 'Íñigo', 'Raúl', 'Andrés', 'Álvaro', 'Martín', 'Sebastián', 'Óscar', 'Adrián',
    'Joaquín', 'Ramón', 'Víctor', 'Jordi', 'Xosé', 'Juan Carlos', 'Ángel', 'Guillermo',
  ],
};

export const SURNAMES = [
  'García', 'Fernández', 'González', 'Rodríguez', 'López', 'Martínez', 'Sánchez', 'Pérez', 'Gómez', 'Martín', 'Jiménez',
  'Ruiz', 'Hernández', 'Díaz', 'Moreno', 'Muñoz', 'Álvarez', 'Romero', 'Gutiérrez', 'Núñez', 'Ibáñez', 'Peña', 'Ordóñez',
  'Yáñez', 'Puig i Vidal', 'Etxeberria', 'Castaño', 'Acuña', "D'Ors", 'de la Fuente', 'Güell', 'Borràs', 'Ortiz de Zárate',
];

export const SALUTATIONS = { female: ['Sra.', 'Dña.', 'Srta.'], male: ['Sr.', 'D.'] };

export const TITLES = ['Dr.', 'Dra.', 'Ing.', 'Lic.', 'Prof.'];

export const EMAIL_HOSTS = ['correo.example', 'buzon.example', 'mail.example.es', 'empresa.example.com'];

/* [town, province, region, first digits of postal codes, latitude, longitude] */
export const TOWNS = [
  ['Madrid', 'Madrid', 'Comunidad de Madrid', '280', 40.4168, -3.7038],
  ['Alcalá de Henares', 'Madrid', 'Comunidad de Madrid', '288', 40.482, -3.3635],
  ['Barcelona', 'Barcelona', 'Cataluña', '080', 41.3874, 2.1686],
  ["L'Hospitalet de Llobregat", 'Barcelona', 'Cataluña', '089', 41.3662, 2.1169],
  ['València', 'Valencia', 'Comunitat Valenciana', '460', 39.4699, -0.3763],
  ['Castelló de la Plana', 'Castellón', 'Comunitat Valenciana', '120', 39.9864, -0.0513],
  ['Sevilla', 'Sevilla', 'Andalucía', '410', 37.3891, -5.9845],
  ['Jaén', 'Jaén', 'Andalucía', '230', 37.7796, -3.7849],
  ['Málaga', 'Málaga', 'Andalucía', '290', 36.7213, -4.4214],
  ['A Coruña', 'A Coruña', 'Galicia', '150', 43.3623, -8.4115],
  ['Bilbao', 'Bizkaia', 'Euskadi', '480', 43.263, -2.935],
  ['Donostia / San Sebastián', 'Gipuzkoa', 'Euskadi', '200', 43.3183, -1.9812],
  ['Gijón', 'Asturias', 'Principado de Asturias', '332', 43.5322, -5.6611],
  ['León', 'León', 'Castilla y León', '240', 42.5987, -5.5671],
  ['Logroño', 'La Rioja', 'La Rioja', '260', 42.4627, -2.4449],
  ['Las Palmas de Gran Canaria', 'Las Palmas', 'Canarias', '350', 28.1235, -15.4363],
];

export const STREETS = [
  'Calle Mayor', 'Calle de Alcalá', 'Avenida de la Constitución', 'Paseo de la Castellana', 'Plaza de España', 'Rúa do Vilar',
  'Carrer de València', 'Gran Vía', 'Calle Núñez de Balboa', 'Camino de los Álamos', 'Travesía del Peñón', 'Ronda de Atocha',
  'Carretera de la Coruña', 'Polígono Industrial Ñuñoa', "Calle O'Donnell", 'Passeig de Gràcia',
];

export const ADDRESS_DETAILS = ['1º B', '3.º izquierda', 'Bajo', 'Ático', 'Nave 7', 'Portal 2, esc. «A», 4º D', 'Local 3'];

export const FIRMS = [
  'Transportes Peña', 'Reformas El Niño', 'Panadería La Española', 'Gestoría Ibáñez & Hijos', 'Autocares Sierra Norte',
  'Construcciones «Los Álamos»', 'Logística Güell', 'Clínica Dental Muñoz', 'Bodegas Señorío', 'Talleres Méndez',
];

export const FIRM_FORMS = ['S.L.', 'S.A.', 'S.L.U.', 'S.Coop.', 'C.B.'];

/* The dealer's own branches. */
export const LOCATIONS = ['Madrid Norte', 'Alcalá', 'Málaga Centro', 'A Coruña', 'Taller Vallecas', 'Logroño'];
