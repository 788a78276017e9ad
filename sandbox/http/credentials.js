/*
 * Which credentials the service asks for, and whether a request has them.
 * Used by the exchange of every request and by the settings.
 */

const FORMS = {
  bearer: (token) => ({ header: 'authorization', value: `Bearer ${token}` }),
  basic: (userAndPassword) => ({
    header: 'authorization',
    value: `Basic ${Buffer.from(userAndPassword).toString('base64')}`,
  }),
  header: (nameAndValue) => {
    const [, name, value] = /^([^:]+):(.*)$/s.exec(nameAndValue) ?? [];
    return name && { header: name.toLowerCase(), value };
  },
  none: () => ({ header: null }),
};

/** {header, value} from `bearer:TOKEN`, `basic:USER:PASSWORD`, `header:NAME:VALUE` or `none`. */
export function parseCredentials(text) {
  const [, form, rest] = /^(\w+)(?::(.*))?$/s.exec(text) ?? [];
  const credentials = Object.hasOwn(FORMS, form ?? '') ? FORMS[form](rest ?? '') : undefined;
  if (!credentials) throw new RangeError(`unknown credentials ${JSON.stringify(text)}`);
  return credentials;
}

/** Were credentials of any kind sent? */
export const hasCredentials = (headers, { header }) =>
  headers.authorization !== undefined || (header !== null && headers[header] !== undefined);

export const isAccepted = (headers, { header, value }) => header === null || headers[header] === value;

/** The headers, fit for the log: without secrets, and without those that HTTP/2 has instead of a first line. */
export function redacted(headers, { header }) {
  const isSecret = (name) => name === 'authorization' || name === header;
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !name.startsWith(':'))
      .map(([name, value]) => [name, isSecret(name) ? '[redacted]' : value]),
  );
}
