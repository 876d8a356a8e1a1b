import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import { expect, it } from "vitest";
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
