/*
 * What people write and systems record: sentences, states, campaigns. Used by parts/ and generators/.
 */

export const OPENINGS = ['Buenos días,', 'Hola:', 'Buenas tardes,', '¡Hola!', 'Estimados señores:', 'Hola, ¿qué tal?'];

export const SENTENCES = [
  'me interesa el vehículo que tienen anunciado',
  'quisiera saber si aún está disponible y cuál sería el último precio',
  '¿podrían tasar mi coche antes del sábado?',
  'necesito financiación a 60 meses sin entrada',
  'llámenme por la mañana, a partir de las 10:30',
  'el cliente duda entre el diésel y el híbrido',
  'pendiente de confirmar la señal de 500 €',
  'ha preguntado por la garantía y el número de dueños',
  'no contesta; se deja mensaje en el buzón de voz',
  'quiere una prueba de conducción con su cónyuge',
  'trae el coche al taller porque hace un ruido extraño al frenar',
  'prefiere que le escribamos por WhatsApp',
  'pide el presupuesto con y sin I.V.A.',
  'vendrá desde Córdoba, así que conviene tenerlo lavado',
  'ya compró un coche aquí hace años y quedó contentísima',
];

/* One in a few texts carries one of these: what must survive JSON, URLs and SQL unharmed. */
export const AWKWARD_ENDINGS = [
  ' 👍🏽',
  ' (dijo: "lo pienso")',
  "\nGracias,\nl'Àngels",
  '\r\n\r\n-- \r\nEnviado desde mi móvil 📱',
  ' C:\\Ofertas\\2024',
  '\tRef.\tA-1',
  ' 100 % seguro; <b>urgente</b> & "ya"',
  " -- ' OR 1=1",
  ' 👨‍👩‍👧',
];

export const TASKS = ['Llamar al cliente', 'Enviar presupuesto', 'Confirmar cita', 'Pedir documentación', 'Revisar tasación', 'Preparar entrega'];

export const APPOINTMENTS = ['Prueba de conducción', 'Entrega de vehículo', 'Tasación', 'Firma del contrato', 'Cita de taller'];

/* [status, its substatuses], in the order in which a lead goes through them */
export const LEAD_STATUSES = [
  ['new', ['Sin asignar', 'Recién llegado']],
  ['open', ['Pendiente de llamada', 'Contactado', 'No contesta']],
  ['negotiation', ['Oferta enviada', 'Esperando financiación', 'Prueba realizada']],
  ['won', ['Señalizado', 'Entregado']],
  ['lost', ['Compró en otro sitio', 'Precio', 'Ilocalizable']],
];

export const CAR_STATUSES = [
  ['purchase', ['Pendiente de recepción', 'En transporte']],
  ['preparation', ['En taller', 'Limpieza', 'Fotografía']],
  ['available', ['En exposición', 'En campa']],
  ['reserved', ['Con señal']],
  ['sold', ['Pendiente de matriculación', 'Entregado']],
];

export const ORIGIN_SOURCES = ['google', 'coches.example', 'facebook', 'walk-in', 'página web', 'recomendación'];
export const ORIGIN_MEDIUMS = ['cpc', 'organic', 'referral', 'email', 'teléfono'];
export const CAMPAIGNS = ['Otoño 2023', 'Plan MOVES III', 'Black Friday', 'Liquidación de stock', 'Campaña ITV'];

export const LEAD_TYPES = ['vehículo nuevo', 'ocasión', 'kilómetro 0', 'renting', 'taller'];
export const IMPORTED_FROM = ['email', 'xml', 'api', 'bulk'];

/* [name, sender] of the portals that send leads by mail */
export const PROVIDERS = [
  ['Coches Ejemplo', 'avisos@coches.example'],
  ['AutoPortal', 'leads@autoportal.example'],
  ['Web propia', 'formulario@concesionario.example'],
];

export const CUSTOM_TEXTS = ['VIP', 'no llamar', 'flota', 'pendiente LOPD', '{"texto": "que parece JSON"}', ''];
export const CUSTOM_KEYS = ['campaña', 'nº expediente', 'puntuación', 'preferencias', 'etiquetas', 'Observación interna'];

/* Keys that a patch or a dotted path cannot address, as they occur in data from elsewhere. */
export const AWKWARD_KEYS = ['v1.2', '$ref', 'a/b', '~tilde~0', '', 'clave con "comillas"', '🔑', '0'];

export const CALL_EVENTS = ['ivr', 'queue', 'dial', 'voicemail'];
export const IGNORE_REASONS = ['no-answer', 'busy', 'rejected', 'fuera de horario'];
export const PHONE_LINES = ['Centralita ventas', 'Recepción', 'Taller', 'Móvil comercial'];

export const CHAT_PROVIDERS = ['Messenger', 'Instagram Direct', 'Telegram', 'Chat web', 'Wallapop', 'Milanuncios', 'SMS 2.0', 'RCS'];
