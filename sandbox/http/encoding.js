/*
 * Compressed replies: in which coding a client gets one, and the reply in that coding.
 * Used by exchange.js; the setting `compress` says which codings there are.
 */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

import Negotiator from 'negotiator';

/** Brotli at its default, the highest, is for files that are compressed once. */
const BROTLI = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

const CODECS = {
  gzip: { compress: promisify(zlib.gzip), start: zlib.createGzip },
  br: { compress: promisify(zlib.brotliCompress), start: zlib.createBrotliCompress, options: BROTLI },
  deflate: { compress: promisify(zlib.deflate), start: zlib.createDeflate },
  // Node.js has it since 22.15.
  ...(zlib.zstdCompress && { zstd: { compress: promisify(zlib.zstdCompress), start: zlib.createZstdCompress } }),
};

export const CODINGS = Object.keys(CODECS);

/** The reply as the client wants it, given the codings to choose from, the preferred one first. */
export async function encoded(reply, req, codings) {
  if (codings.length === 0 || reply.isCanned) return reply;
  const headers = { ...reply.headers, Vary: 'Accept-Encoding' };
  const coding = new Negotiator(req).encoding([...codings, 'identity'], { preferred: codings }) ?? 'identity';
  const isEmpty = reply.isWhole && reply.chunks[0].length === 0;
  if (coding === 'identity' || isEmpty) return { ...reply, headers };
  const { compress, start, options = {} } = CODECS[coding];
  return {
    ...reply,
    headers: { ...headers, 'Content-Encoding': coding },
    chunks: reply.isWhole ? [await compress(reply.chunks[0], options)] : streamed(reply.chunks, start(options)),
    coding,
  };
}

/** Compresses while it is read, and not further than that. */
async function* streamed(chunks, compressor) {
  const work = pipeline(Readable.from(chunks), compressor);
  // What goes wrong is thrown by the reading as well.
  work.catch(() => {});
  yield* compressor;
}
