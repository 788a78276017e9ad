/*
 * The TCP connections of all listeners: which are open, which one a request came on, how to cut it.
 * Filled by listeners.js, asked by exchange.js and the control surface.
 */

export class Connections {
  #open = new Map();
  #count = 0;

  /** Numbers the connections of a server from now on; the name is that of its listener. */
  watch(server, listener) {
    server.on('connection', (socket) => {
      const key = keyOf(socket);
      const connection = { connection: ++this.#count, listener, opened_at: new Date().toISOString(), requests: 0, socket };
      this.#open.set(key, connection);
      socket.on('close', () => {
        if (this.#open.get(key) === connection) this.#open.delete(key);
      });
    });
  }

  /** The connection of a request that has just arrived; undefined when it is gone already. */
  of({ socket }) {
    return this.#open.get(keyOf(socket));
  }

  /** Those that are open, oldest first. */
  list() {
    return [...this.#open.values()].map(({ socket, ...shown }) => shown);
  }

  cutAll() {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

/** Ends a connection by a TCP reset. Node's own resetAndDestroy() first says an orderly end, which is all that is heard. */
export function resetConnection({ socket }) {
  socket.resetAndClosing = true;
  socket.destroy();
}

/* Under TLS, and in HTTP/2 once more, the socket of a request is another object than that of its connection. */
const keyOf = ({ localAddress, localPort, remoteAddress, remotePort }) =>
  [localAddress, localPort, remoteAddress, remotePort].join(' ');
