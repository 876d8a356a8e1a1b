import { connect as connectTcp } from "node:net";
import { create } from "@bufbuild/protobuf";
import { GetRequestSchema, grpcServiceDefinition, KVService } from "@quorate/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LocalCluster } from "../cluster/local-cluster.js";
import { RawClient } from "./raw-client.js";
import { changesNothing, expectHealthy, startQuietCluster } from "./unchanged.js";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** Connections opened at once: more than any client of ours would. */
const CONNECTIONS = 200;
/** Milliseconds a sender waits for the other side to hang up before it does so itself. */
const PATIENCE_MS = 300;

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startQuietCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Bytes that look random and are the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x9e3779b9;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** An HTTP/2 frame. */
function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const garbage: readonly (readonly [what: string, bytes: Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["one byte", Buffer.from([0])],
  ["noise", noise(4_096)],
  ["8 MiB of noise", noise(8 * 1_048_576)],
  ["8 MiB of zeros", Buffer.alloc(8 * 1_048_576)],
  ["an HTTP/1 request", Buffer.from("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["an HTTP/1 request that never ends", Buffer.from(`GET / HTTP/1.1\r\nX: ${"x".repeat(200_000)}`)],
  ["a TLS hello", Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), noise(511)])],
  ["half an HTTP/2 preface", PREFACE.subarray(0, 11)],
  ["an HTTP/2 preface alone", PREFACE],
  ["an HTTP/2 preface and noise", Buffer.concat([PREFACE, noise(65_536)])],
  [
    "a headers frame of noise",
    Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(0)), frame(1, 4, 1, noise(100))]),
  ],
  [
    "a frame longer than allowed",
    Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(0)), frame(0, 0, 1, noise(100), 0xffffff)]),
  ],
  ["settings cut short", Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(3), 6)])],
];

/** Sends bytes, waits a moment for the other side to hang up, and hangs up. */
async function send(port: number, bytes: Buffer): Promise<void> {
  const socket = connectTcp(port, "127.0.0.1");
  // The other side may well hang up in the middle.
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(bytes);
  socket.resume();
  const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
  await closed;
  clearTimeout(patience);
}

const ports = ["clientPort", "peerPort", "httpPort"] as const;

for (const port of ports) {
  it(`garbage on the ${port} harms nobody`, async () => {
    await changesNothing(cluster, async () => {
      for (const [, bytes] of garbage) await send(cluster.node(0)[port], bytes);
      await Promise.all(Array.from({ length: CONNECTIONS }, () => send(cluster.node(0)[port], noise(64))));
    });
    await expectHealthy(cluster);
  });
}

it("answers an unknown method, and one of the other port, with UNIMPLEMENTED", async () => {
  const { get } = grpcServiceDefinition(KVService);
  using client = new RawClient(cluster.endpoints[0] ?? "");
  const unknown = client.unaryBytes({ path: "/quorate.v1.KVService/Nonsense" }, noise(10));
  await expect(unknown).rejects.toMatchObject({ status: "UNIMPLEMENTED" });
  using stray = new RawClient(`127.0.0.1:${cluster.node(0).peerPort}`);
  const lost = stray.unary(get, create(GetRequestSchema, { path: "/x" }));
  await expect(lost).rejects.toMatchObject({ status: "UNIMPLEMENTED" });
});

it("answers an HTTP request for something else with an error", async () => {
  const base = `http://127.0.0.1:${cluster.node(0).httpPort}`;
  expect((await fetch(`${base}/nonsense`)).status).toBe(404);
  expect((await fetch(`${base}/livez`, { method: "POST", body: noise(1_000) })).status).toBe(405);
  expect((await fetch(`${base}/livez?x=%ff`)).status).toBe(200);
});
