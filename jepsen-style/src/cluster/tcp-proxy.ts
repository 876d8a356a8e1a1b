import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A direction of the bytes of a connection: from who dialed to who was dialed, or back. */
export type Direction = "outbound" | "inbound";

interface Connection {
  readonly dialer: Socket;
  /** Undefined until bytes may flow outbound: a held link lets no connection through. */
  target: Socket | undefined;
}

/**
 * A TCP proxy on one link. Held bytes are kept, not lost, and delivered late after the release, as TCP does across a
 * partition; a close is held back likewise. Holds are counted, so that faults may overlap.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<Connection>();
  readonly #holds: Record<Direction, number> = { outbound: 0, inbound: 0 };

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (dialer) => this.#accept(dialer));
  }

  /** Listens on a free local port and forwards to the target port. */
  static async open(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, targetPort);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  /** Where to dial, as host:port. */
  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `127.0.0.1:${address.port}`;
  }

  /** Stops the flow in one direction until `release`. */
  hold(direction: Direction): void {
    this.#holds[direction] += 1;
    for (const { dialer, target } of this.#connections) {
      (direction === "outbound" ? dialer : target)?.pause();
    }
  }

  /** Ends one hold; the bytes flow again once none is left. */
  release(direction: Direction): void {
    if (this.#holds[direction] === 0) throw new Error(`release of a link that is not held ${direction}`);
    this.#holds[direction] -= 1;
    if (this.#holds[direction] > 0) return;
    for (const connection of this.#connections) {
      if (direction === "inbound") connection.target?.resume();
      else if (connection.target === undefined) this.#dial(connection);
      else connection.dialer.resume();
      this.#propagateClose(connection);
    }
  }

  /** Resets every connection. */
  sever(): void {
    for (const { dialer, target } of this.#connections) {
      dialer.resetAndDestroy();
      target?.resetAndDestroy();
    }
    this.#connections.clear();
  }

  /** Stops listening and closes every connection. */
  close(): void {
    this.#server.close();
    this.sever();
  }

  #accept(dialer: Socket): void {
    dialer.setNoDelay(true);
    dialer.pause();
    const connection: Connection = { dialer, target: undefined };
    this.#connections.add(connection);
    dialer.on("error", () => undefined);
    dialer.on("close", () => this.#propagateClose(connection));
    if (this.#holds.outbound === 0) this.#dial(connection);
  }

  #dial(connection: Connection): void {
    const { dialer } = connection;
    const target = connect(this.#targetPort, "127.0.0.1");
    target.setNoDelay(true);
    connection.target = target;
    target.on("error", () => undefined);
    target.on("close", () => this.#propagateClose(connection));
    this.#pump(dialer, target, "outbound");
    this.#pump(target, dialer, "inbound");
  }

  #pump(from: Socket, to: Socket, direction: Direction): void {
    from.on("data", (chunk) => {
      if (!to.destroyed && !to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (this.#holds[direction] === 0) from.resume();
    });
    from.on("end", () => to.end());
    if (this.#holds[direction] === 0) from.resume();
    else from.pause();
  }

  /** Passes a close on to the other side, unless its direction is held. */
  #propagateClose(connection: Connection): void {
    const { dialer, target } = connection;
    if (dialer.destroyed && this.#holds.outbound === 0) target?.destroy();
    if (target?.destroyed === true && this.#holds.inbound === 0) dialer.destroy();
    if (dialer.destroyed && (target === undefined || target.destroyed)) this.#connections.delete(connection);
  }
}
