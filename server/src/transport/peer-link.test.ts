import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { PeerLink } from "./peer-link.js";

it("dials anew, over another connection, when nobody takes its call", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const losses: number[] = [];
  const handshake = { clusterId: 9, from: 1, to: 2, incarnation: "aa", address: "" };
  const listener = { onLost: () => losses.push(sockets.length), onRemoved: () => undefined };
  const link = new PeerLink(`127.0.0.1:${address.port}`, handshake, pino({ level: "silent" }), listener, 50);
  try {
    const before = link.client;
    while (sockets.length < 3) await once(server, "connection");
    expect(losses.length).toBeGreaterThanOrEqual(2);
    expect(link.client).not.toBe(before);
    expect(link.isConnected).toBe(false);
  } finally {
    link.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

it("dials at once, whatever pause it is in, when its peer gives a sign of life", async () => {
  // A port where nobody listens yet.
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  // No pause ends by itself, neither the link's nor its connection's.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const sockets: Socket[] = [];
  let lost: () => void = () => undefined;
  const broken = new Promise<void>((resolve) => {
    lost = resolve;
  });
  const handshake = { clusterId: 9, from: 1, to: 2, incarnation: "aa", address: "" };
  const listener = { onLost: () => lost(), onRemoved: () => undefined };
  const link = new PeerLink(`127.0.0.1:${address.port}`, handshake, pino({ level: "silent" }), listener);
  try {
    await broken;
    server.on("connection", (socket) => sockets.push(socket.on("error", () => undefined)));
    server.listen(address.port, "127.0.0.1");
    await once(server, "listening");
    const called = once(server, "connection");
    link.wake();
    await called;
    // It dials now: a second sign changes nothing.
    const { client } = link;
    link.wake();
    expect(link.client).toBe(client);
  } finally {
    link.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    vi.useRealTimers();
  }
});
