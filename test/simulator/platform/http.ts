import { EventEmitter } from "node:events";

/** In place of node:http's server: nobody asks for its pages in a simulation. */
export class Server extends EventEmitter {
  requestTimeout = 0;
  headersTimeout = 0;

  listen(): this {
    process.nextTick(() => this.emit("listening"));
    return this;
  }

  close(): this {
    return this;
  }

  closeAllConnections(): void {}
}

export function createServer(): Server {
  return new Server();
}
