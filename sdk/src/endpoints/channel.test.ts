import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChannelCache } from "./channel.js";

/** A gRPC server behind a network that swallows what comes on the first connections. */
class Behind {
  swallowed = 0;
  readonly #grpc = new Server();
  readonly #sockets: Socket[] = [];
  readonly #held: Socket[] = [];
  readonly #front = createServer((socket) => this.#accept(socket));
  #port = 0;

  async start(swallowed: number): Promise<string> {
    this.swallowed = swallowed;
    this.#port = await new Promise((resolve, reject) => {
      this.#grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#front.listen(0, "127.0.0.1");
    await once(this.#front, "listening");
    const bound = this.#front.address();
    return `127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`;
  }

  /** What was swallowed arrives after all. */
  release(): void {
    for (const socket of this.#held.splice(0)) this.#pass(socket);
  }

  #accept(socket: Socket): void {
    this.#sockets.push(socket);
    socket.on("error", () => undefined);
    if (this.swallowed === 0) return this.#pass(socket);
    this.swallowed -= 1;
    this.#held.push(socket.pause());
  }

  #pass(socket: Socket): void {
    const behind = connect(this.#port, "127.0.0.1");
    behind.on("error", () => undefined);
    this.#sockets.push(behind);
    socket.pipe(behind).pipe(socket);
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#front.close();
    this.#grpc.forceShutdown();
  }
}

describe("a channel for unary calls", () => {
  let behind: Behind;
  let cache: ChannelCache;
  beforeEach(() => {
    behind = new Behind();
  });
  afterEach(() => {
    cache.close();
    behind.end();
  });

  it("is dialled anew when nobody answered for too long", async () => {
    const endpoint = await behind.start(1);
    cache = new ChannelCache(100);
    await expect(cache.connected(endpoint, 200)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    // The first connection would never be answered.
    const channel = await cache.connected(endpoint, 10_000);
    expect(await cache.connected(endpoint, 10_000)).toBe(channel);
  });

  it("is given up for all that wait for it", async () => {
    const endpoint = await behind.start(1);
    cache = new ChannelCache(100);
    const patient = cache.connected(endpoint, 60_000);
    await expect(cache.connected(endpoint, 200)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(patient).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await cache.connected(endpoint, 10_000);
  });

  it("is left to those who have more time than one that gave up", async () => {
    const endpoint = await behind.start(1);
    cache = new ChannelCache(60_000);
    const patient = cache.connected(endpoint, 10_000);
    await expect(cache.connected(endpoint, 50)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    behind.release();
    expect(await patient).toBe(await cache.connected(endpoint, 10_000));
  });
});
