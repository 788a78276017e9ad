/*
 * Sends a reply, well or badly as the faults want it. Used by exchange.js.
 */

import { finished, pipeline } from 'node:stream/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';

const CONNECTION_HEADERS = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

/** Sends the reply; resolves when it is sent, or at once when the client has left. */
export async function deliver(call, reply) {
  const { res } = call;
  if (call.isClosed) return;
  res.writeHead(reply.status, headersOf(call, reply));
  call.replied(reply);
  if (reply.closes === 'during') return sendPart(call, reply);
  if (reply.isWhole && !reply.pace) await sendWhole(call, reply.chunks[0]);
  else await pipeline(parts(call, reply), res.stream ?? res);
  if (reply.closes === 'after') call.cutOff();
  if (reply.closes === 'announced') res.stream?.session?.close();
}

function headersOf({ res }, { headers, isWhole, chunks, closes }) {
  const connection = { after: 'keep-alive', announced: 'close' }[closes];
  const all = {
    ...headers,
    ...(isWhole && { 'Content-Length': chunks[0].length }),
    ...(connection && { Connection: connection }),
  };
  return res.stream ? withoutConnection(all) : all;
}

/** HTTP/2 speaks of the connection in frames of its own. */
const withoutConnection = (headers) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !CONNECTION_HEADERS.includes(name.toLowerCase())));

/** The body at once, as most are sent; it is a client that leaves if it does not take it. */
async function sendWhole(call, body) {
  call.entry.bytes += body.length;
  call.completed();
  (call.res.stream ?? call.res).end(body);
  await finished(call.res.stream ?? call.res);
}

/** The body, with the last part held back until the log entry is complete. */
async function* parts(call, { chunks, pace, isWhole }) {
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    // A long stream to a fast client would let no other request in.
    if (!isWhole) await setImmediate();
    for (const part of pace ? pieces(chunk, pace.bytes) : [chunk]) {
      if (pace) await setTimeout(pace.ms);
      if (held.length > 0) yield held;
      held = part;
      call.entry.bytes += part.length;
    }
  }
  call.completed();
  yield held;
}

function* pieces(chunk, bytes) {
  for (let from = 0; from < chunk.length; from += bytes) yield chunk.subarray(from, from + bytes);
}

/** The headers promise the whole body; so many bytes of it come, and that is the end. */
async function sendPart(call, { chunks, cutAfter, cut }) {
  let left = cutAfter ?? Math.floor(chunks[0].length / 2);
  call.res.flushHeaders();
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    call.entry.bytes += part.length;
    if (left === 0) call.completed();
    await new Promise((sent) => call.res.write(part, sent));
    if (left === 0) break;
  }
  if (left > 0) call.completed();
  await cut(call);
}
