import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type handleClientStreamingCall, Server, ServerCredentials } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  grpcServiceDefinition,
  type PeerMessage,
  PeerMessageSchema,
  PeerService,
} from "@quorate/proto";
import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { bounds } from "../config.js";
import { PeerLink } from "./peer-link.js";

/** A peer that takes calls, and says when. */
class Peer {
  private readonly server = new Server();
  calls = 0;
  /** Ends the last call that it took. */
  endCall: () => void = () => undefined;
  /** What it was sent, in order, once it reads. */
  readonly received: PeerMessage["message"]["case"][] = [];
  /** Takes what is sent from now on. */
  read: () => void = () => undefined;
  private onCall: () => void = () => undefined;
  readonly called = new Promise<void>((resolve) => {
    this.onCall = resolve;
  });

  async listen(port: number): Promise<number> {
    const { exchange } = grpcServiceDefinition(PeerService);
    const handle: handleClientStreamingCall<ExchangeRequest, ExchangeResponse> = (call, answer) => {
      this.calls += 1;
      this.endCall = () => answer(null, create(ExchangeResponseSchema));
      call.on("error", () => undefined);
      call.sendMetadata(call.metadata.clone());
      this.read = () =>
        call.on("data", ({ messages }: ExchangeRequest) => {
          this.received.push(...messages.map(({ message }) => message.case));
        });
      this.onCall();
    };
    this.server.addService({ exchange: { ...exchange } }, { exchange: handle });
    return await new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  end(): void {
    this.server.forceShutdown();
  }
}

/** Takes connections and never says a word, as a machine does that is gone behind a firewall. */
async function silent(): Promise<{ address: string; connected: Promise<unknown>; end: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  const connected = once(server, "connection");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { address: `127.0.0.1:${port}`, connected, end };
}

const handshake = { clusterId: 9, from: 1, to: 2, incarnation: "aa", address: "", readdressed: false };
const unheard = { onLost: () => undefined, onRemoved: () => undefined, onEstranged: () => undefined };
/** Longer than a test may take: who waits for it fails. */
const patient = { dialTimeoutMs: 60_000 };

it("does not wait for an address where nobody answers when its peer lives", async () => {
  const [peer, gone] = [new Peer(), await silent()];
  const there = `127.0.0.1:${await peer.listen(0)}`;
  const link = new PeerLink([gone.address, there], handshake, pino({ level: "silent" }), unheard, patient);
  try {
    await gone.connected;
    // More than once, as it may call again and again.
    for (let n = 0; n < 3; n++) link.wake();
    await vi.waitUntil(() => link.isConnected, { timeout: 10_000 });
    expect(link.reachedAt).toBe(there);
  } finally {
    link.close();
    peer.end();
    gone.end();
  }
});

it("looks for its peer where it was a moment ago before it looks elsewhere", async () => {
  const [peer, gone] = [new Peer(), await silent()];
  const there = `127.0.0.1:${await peer.listen(0)}`;
  const link = new PeerLink([there, gone.address], handshake, pino({ level: "silent" }), unheard, patient);
  try {
    await vi.waitUntil(() => link.isConnected);
    peer.endCall();
    await vi.waitUntil(() => peer.calls === 2, { timeout: 10_000 });
    expect(link.reachedAt).toBe(there);
  } finally {
    link.close();
    peer.end();
    gone.end();
  }
});

it("goes on where its peer takes its call, and looks for it elsewhere and there when the call breaks", async () => {
  const [first, second, third] = [new Peer(), new Peer(), new Peer()];
  const port = await first.listen(0);
  const elsewhere = await second.listen(0);
  const [old, moved] = [`127.0.0.1:${port}`, `127.0.0.1:${elsewhere}`] as const;
  const link = new PeerLink([old], handshake, pino({ level: "silent" }), unheard);
  try {
    await vi.waitUntil(() => link.isConnected);
    link.mayBeAt([moved]);
    expect([link.isConnected, link.address, link.reachedAt]).toEqual([true, old, old]);
    first.end();
    await second.called;
    await vi.waitUntil(() => link.isConnected);
    expect([link.address, link.reachedAt]).toEqual([moved, moved]);
    // Where nobody is: it is still looked for where it was reached last.
    link.mayBeAt(["127.0.0.1:1"]);
    second.end();
    await third.listen(elsewhere);
    await third.called;
    await vi.waitUntil(() => link.isConnected);
    expect(link.address).toBe(moved);
  } finally {
    link.close();
    for (const peer of [first, second, third]) peer.end();
  }
});

it("leaves an address where it was not reached at once when the peer is elsewhere", () => {
  const link = new PeerLink(["127.0.0.1:1"], handshake, pino({ level: "silent" }), unheard);
  try {
    link.mayBeAt(["127.0.0.1:2", "127.0.0.1:1"]);
    expect(link.address).toBe("127.0.0.1:1");
    link.mayBeAt(["127.0.0.1:2"]);
    expect(link.address).toBe("127.0.0.1:2");
  } finally {
    link.close();
  }
});

it("dials anew, over another connection, when nobody takes its call", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const losses: number[] = [];
  const listener = {
    onLost: () => losses.push(sockets.length),
    onRemoved: () => undefined,
    onEstranged: () => undefined,
  };
  const link = new PeerLink([`127.0.0.1:${address.port}`], handshake, pino({ level: "silent" }), listener, {
    dialTimeoutMs: 50,
  });
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
  const listener = { onLost: () => lost(), onRemoved: () => undefined, onEstranged: () => undefined };
  const link = new PeerLink([`127.0.0.1:${address.port}`], handshake, pino({ level: "silent" }), listener);
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

it("lets heartbeats and keepalives overtake what waits for the socket, and drops neither with the rest", async () => {
  vi.spyOn(bounds, "peerQueueBytesMax", "get").mockReturnValue(16 * 1_048_576);
  const peer = new Peer();
  const address = `127.0.0.1:${await peer.listen(0)}`;
  let lost = 0;
  const listener = { ...unheard, onLost: () => lost++ };
  const link = new PeerLink([address], handshake, pino({ level: "silent" }), listener, patient);
  try {
    await vi.waitUntil(() => link.isConnected, { timeout: 10_000 });
    // The peer reads nothing: what its window does not take waits.
    const batches = [new Uint8Array(1_048_576)];
    for (let n = 0; n < 20; n++) link.send([messageOf({ case: "propose", value: { batches } })]);
    const dropped = lost;
    expect(dropped).toBeGreaterThan(0);
    link.send([messageOf({ case: "renewLeases", value: { context: 1n, leaseIds: [7n] } })]);
    link.send([messageOf({ case: "heartbeat", value: { term: 1n } })]);
    expect(lost).toBe(dropped);
    peer.read();
    await vi.waitUntil(() => peer.received.length === 20 - dropped + 2, { timeout: 10_000 });
    const before = peer.received.indexOf("renewLeases");
    expect(before).toBeLessThan(4);
    expect(peer.received[before + 1]).toBe("heartbeat");
  } finally {
    link.close();
    peer.end();
    vi.restoreAllMocks();
  }
});

function messageOf(message: NonNullable<MessageInitShape<typeof PeerMessageSchema>["message"]>): PeerMessage {
  return create(PeerMessageSchema, { message });
}
