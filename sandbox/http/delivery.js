/*
 * Sends a reply, well or badly as the faults want it. Used by exchange.js.
 */

import { pipeline } from 'node:stream/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';

import { whole } from './reply.js';

/** Sends the reply; resolves when it is sent, or at once when the client has left. */
export async function deliver(call, reply) {
  const { res } = call;
  if (res.destroyed) return;
  const headers = { ...reply.headers };
  if (reply.isWhole) headers['Content-Length'] = reply.chunks[0].length;
  if (reply.closes === 'after') headers.Connection = 'keep-alive';
  res.writeHead(reply.status, headers);
  call.replied(reply);
  if (reply.closes === 'during') return sendHalf(call, reply);
  await pipeline(parts(call, reply), res);
  if (reply.closes === 'after') call.cutOff();
}

/** The body, with the last part held back until the log entry is complete. */
async function* parts(call, { chunks, pace, isWhole }) {
  let held = Buffer.alloc(0);
  for (const chunk of chunks) {
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

/** The headers promise the whole body; half of it comes, and the connection ends. */
async function sendHalf(call, reply) {
  const [body] = whole(reply).chunks;
  const half = body.subarray(0, Math.floor(body.length / 2));
  call.entry.bytes = half.length;
  call.completed();
  await new Promise((sent) => call.res.write(half, sent));
  call.cutOff();
}
