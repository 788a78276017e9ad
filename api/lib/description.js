/*
 * Read the text of the Swagger page: what it says, in its own order.
 *
 * make-openapi.js calls this.  Nothing here knows OpenAPI; nothing is filled in or
 * corrected, so an operation that the page shows collapsed has no `details`.
 */

const METHOD = /^(GET|DELETE|PATCH|PUT|POST)$/;
const PARAMETER_PLACE = /^\((path|query)\)$/;

/**
 * @returns {{title, version, description, contact, server, serverDescription,
 *            resources: {singular, operations: {method, path, details?}[]}[]}}
 */
export function parseDescription(text) {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const end = lines.indexOf('Schemas');
  const starts = operationStarts(lines, end);
  const resources = [];

  starts.forEach((start, i) => {
    const path = lines[start + 1];
    const heading = resourceHeading(lines, start);
    if (heading)
      resources.push({ singular: heading, operations: [] });
    resources.at(-1).operations.push({
      method: lines[start].toLowerCase(),
      path,
      details: parseDetails(lines.slice(start + 2, starts[i + 1] ?? end)),
    });
  });
  return { ...parseFrontMatter(lines), resources };
}

function operationStarts(lines, end) {
  const starts = [];
  for (let i = 0; i < end; i++) {
    if (METHOD.test(lines[i]) && lines[i + 1].startsWith('/'))
      starts.push(i);
  }
  return starts;
}

/* A resource's heading stands alone, one blank line above its first operation. */
function resourceHeading(lines, start) {
  const [heading, blank] = lines.slice(start - 2, start);
  return blank === '' && /^[a-z]+$/.test(heading) ? heading : null;
}

function parseFrontMatter(lines) {
  const [title, version] = lines;
  const server = lines.find((line) => line.includes('{dealer_id} - '));
  const [url, serverDescription] = server.split(' - ');
  return {
    title,
    version: version.trim(),
    description: lines[4],
    contact: lines.find((line) => line.startsWith('Contact ')).slice('Contact '.length),
    server: url,
    serverDescription,
  };
}

/* The body of an operation; undefined if the page shows it collapsed. */
function parseDetails(lines) {
  const parametersAt = lines.indexOf('Parameters');
  if (parametersAt < 0)
    return undefined;
  const responsesAt = lines.indexOf('Responses');
  const requestAt = lines.indexOf('Request body');
  const parametersEnd = requestAt < 0 ? responsesAt : requestAt;
  const response = lines.slice(responsesAt);

  return {
    summary: lines[1],
    parameters: parseParameters(lines.slice(parametersAt, parametersEnd)),
    request: requestAt < 0 ? null : parseRequest(lines.slice(requestAt, responsesAt)),
    response: {
      description: response[response.findIndex((line) => line.startsWith('200')) + 1],
      example: parseExample(response),
      headers: parseHeaders(response),
    },
  };
}

/* Each parameter is four lines: name, type, place, description. */
function parseParameters(lines) {
  const parameters = [];
  lines.forEach((line, i) => {
    const place = PARAMETER_PLACE.exec(line);
    if (place) {
      parameters.push({
        name: lines[i - 2],
        type: lines[i - 1],
        place: place[1],
        description: lines[i + 1],
      });
    }
  });
  return parameters;
}

function parseRequest(lines) {
  const mediaTypeAt = lines.indexOf('application/json');
  return { description: lines[mediaTypeAt + 1], example: parseExample(lines) };
}

/* The example follows the line 'Schema'; its closing bracket is the first at column one. */
function parseExample(lines) {
  const start = lines.indexOf('Schema') + 1;
  const length = lines.slice(start).findIndex((line) => /^[\]}]/.test(line)) + 1;
  return JSON.parse(lines.slice(start, start + length).join('\n'));
}

function parseHeaders(lines) {
  const at = lines.indexOf('Headers:');
  if (at < 0)
    return [];
  return [{
    name: lines[at + 2].trim(),
    description: lines[at + 3],
    type: lines[at + 5],
  }];
}
