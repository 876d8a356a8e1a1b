import { create } from "@bufbuild/protobuf";
import { grpcServiceDefinition, KVService, TxnRequestSchema } from "@quorate/proto";
import { op, type Quorate, TooLarge } from "@quorate/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawClient, Refusal } from "../bad-input/raw-client.js";
import { expectHealthy } from "../bad-input/unchanged.js";
import { eventually, LocalCluster, sleep } from "../cluster/local-cluster.js";

const kv = grpcServiceDefinition(KVService);
/** More than fits in one gRPC message, together. */
const KEYS = 24;
const value = new Uint8Array(1_000_000).fill(0x61);
const paths = Array.from({ length: KEYS }, (_, i) => `/large/${String(i).padStart(2, "0")}`);

let cluster: LocalCluster;
let client: Quorate;

beforeAll(async () => {
  cluster = await LocalCluster.start({ flags: ["--log-level", "warn"] });
  client = await cluster.connect({ requestTimeoutMs: 20_000 });
  // All at once, and at a follower: they must reach the leader although together they are too large for one message.
  const leader = await cluster.leader();
  const follower = await cluster.connect({ requestTimeoutMs: 20_000, followLeader: false });
  expect(leader).toBeGreaterThanOrEqual(0);
  await Promise.all(paths.map((path) => follower.put(path, value)));
  await follower.close();
});

afterAll(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
});

/** The first events of a watch of the large keys. */
async function watched(options: { initial: true } | { fromRevision: number }): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of client.watch("/large", { recursive: true, ...options })) {
    expect(event.entry?.value.length).toBe(value.length);
    seen.push(event.path);
    if (seen.length === KEYS) return seen;
  }
  return seen;
}

describe("more than one gRPC message can carry", () => {
  test("is listed in pages", async () => {
    const seen: string[] = [];
    let pages = 0;
    for (let after: string | undefined; ; pages++) {
      const page = await client.list("/large", {
        recursive: true,
        ...(after === undefined ? {} : { after }),
      });
      seen.push(...page.nodes.map(({ path }) => path));
      after = page.nodes.at(-1)?.path;
      if (!page.more) break;
    }
    expect(seen).toEqual(paths);
    expect(pages).toBeGreaterThan(1);
  });

  test("is watched from the present entries on", async () => {
    expect(await watched({ initial: true })).toEqual(paths);
  });

  test("is watched from the beginning of history", async () => {
    expect((await watched({ fromRevision: 1 })).sort()).toEqual(paths);
  });

  test("reaches a follower that comes back", async () => {
    const leader = await cluster.waitForLeader();
    const away = (leader + 1) % cluster.size;
    await cluster.kill(away);
    for (let round = 0; round < 2; round++) await Promise.all(paths.map((path) => client.put(path, value)));
    cluster.launch(away);
    await cluster.waitForAgreement();
    expect(cluster.log(away)).not.toContain("message larger than max");
  });
});

test("a transaction's answer leaves out the values for which it has no room, and says so", async () => {
  const { results } = await client.txn({ then: paths.map((path) => op.get(path)) });
  const entries = results.map((result) => (result.kind === "get" ? result.entry : undefined));
  const whole = entries.filter((entry) => entry?.value.length === value.length);
  expect(whole.length).toBeGreaterThan(1);
  expect(entries.filter((entry) => entry?.valueOmitted)).toHaveLength(KEYS - whole.length);
  expect(() => entries.at(-1)?.text()).toThrow(TooLarge);
});

test("a deleted subtree is returned as far as it fits, and watched in whole with what was there", async () => {
  const watch = client.watch("/large", { recursive: true, previous: true });
  const first = watch.next();
  // Until the watch has begun there is nothing that it could miss: a change of another key shows that it has.
  const deleted = eventually(async () => {
    await client.put("/large/begun", "x");
    return await Promise.race([first.then(() => true), sleep(100)]).then((begun) => begun === true);
  }, "the watch").then(() => client.delete("/large", { recursive: true, returnPrevious: true }));
  const outcome = await deleted;
  expect(outcome.deleted).toBe(KEYS + 1);
  expect(outcome.previous.length).toBeGreaterThan(1);
  expect(outcome.previous.length).toBeLessThan(KEYS);
  const seen: string[] = [];
  for await (const event of watch) {
    if (event.kind === "put") continue;
    expect(event.revision).toBe(outcome.revision);
    if (event.path === "/large/begun") continue;
    expect(event.previous?.value.length).toBe(value.length);
    seen.push(event.path);
    if (seen.length === KEYS) break;
  }
  expect(seen.sort()).toEqual(paths);
});

test("a number that does not fit is refused, and the node goes on", async () => {
  using raw = new RawClient(cluster.endpoints[0] ?? "");
  for (const number of [2n ** 63n - 1n, 2n ** 53n, -1n]) {
    const request = create(TxnRequestSchema, {
      compares: [{ path: "/large/00", target: { case: "version", value: number } }],
    });
    await expect(raw.unary(kv.txn, request)).rejects.toThrow(Refusal);
  }
  await expectHealthy(cluster);
});
