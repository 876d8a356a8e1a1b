import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  grpcServiceDefinition,
  PeerService,
} from "@quorate/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, type LocalCluster } from "../cluster/local-cluster.js";
import { ServerRun, withFlags } from "./server-run.js";
import { changesNothing, expectHealthy, startQuietCluster } from "./unchanged.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startQuietCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function logOf(name: string): string {
  return readFileSync(join(cluster.dir, `${name}.log`), "utf8");
}

it("refuses a node of another cluster, whose own log says why, and is not disturbed", async () => {
  const leader = await cluster.waitForLeader();
  const term = (await cluster.status(leader))?.term;
  // It takes itself for the third node of a cluster of the same addresses, but of another token.
  const flags = withFlags(cluster.flags(2), {
    "data-dir": join(cluster.dir, "stranger"),
    "cluster-token": "another",
    "client-listen": "127.0.0.1:0",
    "peer-listen": "127.0.0.1:0",
    "http-listen": "127.0.0.1:0",
  });
  await changesNothing(cluster, async () => {
    await using stranger = new ServerRun(flags);
    await stranger.says(/check --cluster-token/);
    await eventually(() => /refused a call on the peer port/.test(logOf("n1")), "the refusal in a log");
  });
  expect((await cluster.status(leader))?.term).toBe(term);
  await expectHealthy(cluster);
});

it("refuses a peer's call whose ids do not fit, and says which", async () => {
  const status = await cluster.status(0);
  const other = await cluster.status(1);
  const { incarnation } = JSON.parse(readFileSync(join(cluster.node(1).dataDir, "identity.json"), "utf8"));
  const right = {
    "quorate-incarnation": String(incarnation),
    "quorate-protocol": "1",
    "quorate-cluster-id": idOf(status?.clusterId),
    "quorate-from": idOf(other?.memberId),
    "quorate-to": idOf(status?.memberId),
  };
  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{}, /protocol/],
    [{ ...right, "quorate-protocol": "2" }, /protocol 1/],
    [{ ...right, "quorate-cluster-id": "1" }, /cluster-token/],
    [{ ...right, "quorate-to": idOf(other?.memberId) }, /addresses/],
    [{ ...right, "quorate-incarnation": "" }, /does not belong/],
    [{ ...right, "quorate-incarnation": "0f" }, /lost its data directory; remove the member/],
    [{ ...right, "quorate-from": idOf(status?.memberId) }, /does not belong/],
    [{ ...right, "quorate-from": "nonsense" }, /does not belong/],
  ];
  await changesNothing(cluster, async () => {
    for (const [ids, says] of wrong) expect(await exchange(ids)).toMatch(says);
    // The same call with the right ids is taken, so the ids were what was refused; its empty message is ignored.
    expect(await exchange(right)).toBe("accepted");
    // So is one of a member that was never heard of: it may have been added by an entry that this node lacks.
    expect(await exchange({ ...right, "quorate-from": "12345" })).toBe("accepted");
  });
  await expectHealthy(cluster);
});

function idOf(hex: string | undefined): string {
  return String(Number.parseInt(hex ?? "", 16));
}

/** Calls the first node as a peer, with an empty message. Returns why it was refused, or "accepted". */
async function exchange(ids: Readonly<Record<string, string>>): Promise<string> {
  const method = grpcServiceDefinition(PeerService).exchange;
  const client = new Client(`127.0.0.1:${cluster.node(0).peerPort}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(ids)) metadata.set(name, value);
  try {
    const call = client.makeClientStreamRequest<ExchangeRequest, ExchangeResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
      () => undefined,
    );
    call.on("error", () => undefined);
    const refused = once(call, "status").then(([end]: { details: string }[]) => end?.details ?? "");
    const accepted = once(call, "metadata").then(() => "accepted");
    call.write(create(ExchangeRequestSchema, { messages: [{}] }));
    return await Promise.race([refused, accepted]);
  } finally {
    client.close();
  }
}
