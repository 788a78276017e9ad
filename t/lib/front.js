// What stands before WalcuTest::RawServer: TLS, or HTTP/2 over TLS.
//
//     node t/lib/front.js KIND PORT CERT KEY
//
// Prints the port at which it listens.  KIND is tls, tls-cut, http2 or http2-session, see RawServer.pm.  TLS is passed on byte by
// byte; an HTTP/2 stream becomes a request of HTTP/1.1 to the raw server, and what that says becomes the stream's reply.
'use strict';

const fs = require('fs');
const http2 = require('http2');
const net = require('net');
const { Duplex } = require('stream');
const tls = require('tls');

const [kind, port, cert, key] = process.argv.slice(2);
const secrets = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const server = kind.startsWith('http2') ? serveStreams() : serveBytes();

server.listen(0, '127.0.0.1', () => console.log(server.address().port));

function connectRaw() {
  return net.connect({ host: '127.0.0.1', port: Number(port), noDelay: true, allowHalfOpen: true });
}

// TLS over a stream of our own, so that the connection can be ended without TLS's knowledge.
function serveBytes() {
  return net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const wire = new Duplex({
      read() {},
      write: (bytes, encoding, done) => socket.write(bytes, done),
      final: (done) => socket.end(done),
    });
    const client = new tls.TLSSocket(wire, { isServer: true, secureContext: tls.createSecureContext(secrets) });
    const raw = connectRaw();
    let unsaid = 0;
    let atEnd = null;
    const endIfSaid = () => atEnd && unsaid === 0 && setImmediate(atEnd);
    socket.on('data', (bytes) => wire.push(bytes));
    socket.on('end', () => wire.push(null));
    client.on('data', (bytes) => raw.write(bytes));
    raw.on('data', (bytes) => {
      unsaid += 1;
      const goesOn = client.write(bytes, () => {
        unsaid -= 1;
        endIfSaid();
      });
      if (!goesOn) raw.pause();
    });
    client.on('drain', () => raw.resume());
    raw.on('end', () => {
      atEnd ??= kind === 'tls' ? () => client.end() : () => socket.end();
      endIfSaid();
    });
    raw.on('error', () => {
      atEnd ??= () => socket.resetAndDestroy();
      endIfSaid();
    });
    client.on('error', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => raw.destroy());
  });
}

function serveStreams() {
  const listener = http2.createSecureServer(secrets);
  listener.on('stream', (stream, headers) => {
    const pieces = [];
    stream.on('data', (bytes) => pieces.push(bytes));
    stream.on('end', () => passOn(stream, headers, Buffer.concat(pieces)));
    stream.on('error', () => {});
  });
  listener.on('sessionError', () => {});
  return listener;
}

function passOn(stream, headers, body) {
  const raw = connectRaw();
  let said = Buffer.alloc(0);
  raw.write(`${headers[':method']} ${headers[':path']} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n`);
  raw.write(body);
  raw.on('data', (bytes) => {
    if (stream.headersSent) {
      stream.write(bytes);
      return;
    }
    said = Buffer.concat([said, bytes]);
    const end = said.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = said.toString('latin1', 0, end).split('\r\n');
    stream.respond(replyHeaders(lines), { endStream: false });
    stream.write(said.subarray(end + 4));
    if (isWhole(lines, said.length - end - 4)) stream.end();
  });
  raw.on('end', () => {
    if (kind === 'http2-session') breakOff(stream);
    else if (stream.headersSent) stream.end();
    else stream.close(http2.constants.NGHTTP2_NO_ERROR);
  });
  raw.on('error', () => {
    if (kind === 'http2-session') breakOff(stream);
    else stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });
  stream.on('close', () => raw.destroy());
}

// What has been said arrives before the connection ends.
function breakOff(stream) {
  const { session } = stream;
  if (session) setImmediate(() => session.destroy());
}

function replyHeaders(lines) {
  const headers = { ':status': Number(lines[0].split(' ')[1]) };
  for (const line of lines.slice(1)) {
    const [name, value] = line.split(/: */);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

// A reply in one piece that is as long as it says: the connection to the raw server stays open.
function isWhole(lines, length) {
  const line = lines.find((text) => /^content-length:/i.test(text));
  return line === undefined ? / 204 /.test(lines[0]) : Number(line.split(':')[1]) === length;
}
