/*
 * An answer that has been decided and not yet sent. Made by the operations, changed by faults, sent
 * by delivery.js.
 */

const JSON_TYPE = 'application/json; charset=utf-8';

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

const FACTS = { coding: 'identity', documents: null, hasMore: null };

/** Lists longer than this are sent as they are made, instead of being made whole first. */
const STREAMED_FROM = 1000;
const CHUNK_DOCUMENTS = 64;

/** What stands before, between and after the elements of an array. */
const marks = (...texts) => texts.map((text) => Buffer.from(text));
const LAYOUTS = {
  compact: marks('[', ',', ']'),
  lines: marks('[\n', ',\n', '\n]\n'),
  groups: marks('{"groups":[', ',', ']}'),
};
export const RESULTS_LAYOUTS = ['compact', 'lines'];

/**
 * {status, headers, chunks, isWhole, coding, documents, hasMore}: chunks is an iterable of the body's
 * parts, which is one Buffer when isWhole, and an asynchronous one when it is compressed on the way;
 * coding, documents and hasMore are for the log.
 */
export function makeReply(status, headers, body, facts = {}) {
  return { ...FACTS, status, headers, chunks: [Buffer.from(body)], isWhole: true, ...facts };
}

export const jsonReply = (value, { status = 200, ...facts } = {}) =>
  makeReply(status, { 'Content-Type': JSON_TYPE }, JSON.stringify(value), facts);

export const errorReply = (status, message) => jsonReply({ error: message }, { status });

/** By the setting `no_document`, what a service with a success answers to an id that no document has. */
export const NO_DOCUMENT = {
  null: () => jsonReply(null),
  null_in_list: () => jsonReply([null]),
  empty_list: () => jsonReply([]),
  empty_body: () => makeReply(200, {}, ''),
  no_content: () => makeReply(204, {}, '', { isWhole: false }),
};

/** The reply with the mark of UTF-8 before its body. */
export const marked = ({ chunks, ...reply }) => ({
  ...reply,
  chunks: reply.isWhole ? [Buffer.concat([BYTE_ORDER_MARK, ...chunks])] : prefixed(chunks),
});

function* prefixed(chunks) {
  yield BYTE_ORDER_MARK;
  yield* chunks;
}

/** JSON texts as one JSON array, or what else a layout makes of them; `count` is their number, `layout` what stands between them. */
export function listReply(texts, count, { hasMore = null, layout = 'compact' } = {}) {
  const headers = { 'Content-Type': JSON_TYPE, ...hasMoreHeader(hasMore) };
  const chunks = arrayChunks(texts, LAYOUTS[layout]);
  const facts = { documents: count, hasMore };
  if (count > STREAMED_FROM) return { ...FACTS, status: 200, headers, chunks, isWhole: false, ...facts };
  return makeReply(200, headers, Buffer.concat([...chunks]), facts);
}

export const hasMoreHeader = (hasMore) => (hasMore === null ? {} : { 'MAPP-has-more': String(hasMore) });

/** The reply with its body made in full, or with what a function makes of that. */
export async function whole(reply, change = (body) => body) {
  const parts = [];
  for await (const chunk of reply.chunks) parts.push(chunk);
  return { ...reply, chunks: [change(Buffer.concat(parts))], isWhole: true };
}

function* arrayChunks(texts, [opening, separator, closing]) {
  let parts = [opening];
  let count = 0;
  for (const text of texts) {
    if (count > 0) parts.push(separator);
    parts.push(text);
    if (++count % CHUNK_DOCUMENTS !== 0) continue;
    yield Buffer.concat(parts);
    parts = [];
  }
  yield Buffer.concat([...parts, closing]);
}
