// What the tests in JavaScript share: results in TAP, and a look at the service's documents and requests.
import { isDeepStrictEqual, inspect } from 'node:util';

let count = 0;

export const connection = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
};

export function isEqual(got, wanted, name) {
  const same = isDeepStrictEqual(got, wanted);
  count += 1;
  console.log(`${same ? 'ok' : 'not ok'} ${count} - ${name}`);
  if (!same) console.log(`got ${inspect(got)}\nwanted ${inspect(wanted)}`.replace(/^/gm, '# '));
}

// The call fails with such an SQLSTATE.
export async function fails(call, sqlstate, name) {
  const error = await Promise.resolve().then(call).then(() => undefined, (error) => error);
  const code = error?.code ?? error?.original?.code ?? error?.driverError?.code ?? error?.cause?.code;
  isEqual(error && (code ?? error), sqlstate, name);
}

async function sandbox(path, method = 'GET') {
  const reply = await fetch(`${process.env.WALCU_ENDPOINT}/_sandbox/${path}`, { method });
  return reply.text();
}

export async function documents(resource) {
  return (await sandbox(`dump/${resource}`)).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

export async function contents(resource = 'notes') {
  return (await documents(resource)).map((document) => document.content ?? '').sort();
}

export const empty = (resource = 'notes') => sandbox(`documents/${resource}`, 'DELETE');

// What the service is told to change in a call: 'METHOD path' for each request.
export async function writes(call) {
  await sandbox('log', 'DELETE');
  await call();
  return JSON.parse(await sandbox('log')).filter((entry) => entry.method !== 'GET')
    .map((entry) => `${entry.method} ${entry.path.split('/').slice(3).join('/')}`);
}

// The whole of a test, on fresh documents; its end is told even if it breaks off.
export async function run(test) {
  await sandbox('reset', 'POST');
  try {
    await test();
    console.log(`1..${count}`);
  } catch (error) {
    console.error(error);
    console.log(`not ok ${count + 1} - does not break off`);
    process.exit(1);
  }
}
