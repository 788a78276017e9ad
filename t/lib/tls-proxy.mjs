// A TLS listener in front of the sandbox, for tests of certificates.
// node tls-proxy.mjs KEY CERTIFICATE UPSTREAM_PORT; prints its port when it is ready.

import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const [key, cert, upstreamPort] = process.argv.slice(2);
const server = tls.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (client) => {
  const upstream = net.connect(Number(upstreamPort), '127.0.0.1');
  client.pipe(upstream).pipe(client);
  for (const socket of [client, upstream]) socket.on('error', () => (client.destroy(), upstream.destroy()));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
