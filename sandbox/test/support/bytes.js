/*
 * Requests as bytes on a socket, for what an HTTP client would not send or would hide.
 * Used by the tests of the server.
 */

import { connect } from 'node:net';

import { AUTHORIZATION, DEALER } from './crm.js';

/** The bytes of a GET below the dealer, path as in `/cars`. */
export function getBytes(path, headers = {}) {
  const lines = Object.entries({ Host: 'sandbox', Authorization: AUTHORIZATION, ...headers });
  return `GET /dealers/${DEALER}${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/**
 * Sends the bytes and reads until the other side ends the connection. Gives the bytes that came, as
 * `head` and `body`, the time each part came in ms, and the error the connection ended with, if any.
 */
export function sendBytes(endpoint, bytes) {
  const { hostname, port } = new URL(endpoint);
  const parts = [];
  const times = [];
  const socket = connect(port, hostname);
  socket.write(bytes);
  return new Promise((resolve) => {
    let failure = null;
    socket.on('data', (part) => {
      parts.push(part);
      times.push(performance.now());
    });
    socket.on('error', (error) => {
      failure = error.code;
    });
    socket.on('close', () => {
      const [head, ...rest] = Buffer.concat(parts).toString().split('\r\n\r\n');
      resolve({ head, body: rest.join('\r\n\r\n'), times, failure });
    });
  });
}
