import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Quorate } from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { runServer, ServerRun, withFlags } from "../bad-input/server-run.js";
import { eventually, LocalCluster } from "./local-cluster.js";

/** The flags of a first node as those of one that joins. */
function joining(cluster: LocalCluster, index: number): string[] {
  const others = cluster.endpoints.filter((_, i) => i !== index);
  return withFlags(cluster.flags(index), { "initial-cluster": "", join: others.join(",") }).filter(
    (flag, i, flags) => flag !== "--initial-cluster" && flags[i - 1] !== "--initial-cluster",
  );
}

/** Kills a node that does not lead, and takes its disk. Returns its index. */
async function loseDisk(cluster: LocalCluster): Promise<number> {
  const lost = ((await cluster.waitForLeader()) + 1) % cluster.size;
  await cluster.kill(lost);
  empty(cluster.node(lost).dataDir);
  return lost;
}

function empty(dir: string): void {
  rmSync(dir, { recursive: true });
  mkdirSync(dir);
}

async function roleOf(quorate: Quorate, name: string): Promise<string | undefined> {
  const member = (await quorate.members()).find((each) => each.name === name);
  return member === undefined ? undefined : member.learner ? "learner" : "voter";
}

describe("a first member that lost its disk", () => {
  it("does not come back by joining: neither while it is a member, nor as one that was added beside itself", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    const lost = await loseDisk(cluster);
    const { name, dataDir } = cluster.node(lost);
    const { code, stderr } = await runServer(joining(cluster, lost));
    expect(stderr).toMatch(
      /is one of the first members of the cluster, which may have voted already.*quorate member remove/,
    );
    expect(code).toBe(2);
    expect(readdirSync(dataDir)).toEqual([]);
    await expect(quorate.addMember(name, cluster.peerAddress(lost))).rejects.toThrow(
      /there is a member .* already/,
    );
    expect(await roleOf(quorate, name)).toBe("voter");
  });
});

describe("the old command line of a member that was removed", () => {
  it("leaves nothing in an empty directory, so that the member that is added joins there", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    const lost = await loseDisk(cluster);
    const { name, dataDir } = cluster.node(lost);
    await quorate.removeMember(name);
    // A supervisor starts what it was told to, again and again.
    for (let round = 0; round < 2; round++) {
      const { code, stderr } = await runServer(cluster.flags(lost));
      expect(code).toBe(2);
      expect(stderr).toMatch(
        new RegExp(`member "${name}" .* was removed from the cluster.*quorate member add ${name}`),
      );
      expect(stderr).toContain(dataDir);
      expect(readdirSync(dataDir)).toEqual([]);
    }
    await quorate.addMember(name, cluster.peerAddress(lost));
    await using _node = new ServerRun(joining(cluster, lost));
    await eventually(async () => (await cluster.status(lost))?.role === "learner", "the learner to join");
  });

  it("does not keep an identity that never took part from the member that is added", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    const lost = await loseDisk(cluster);
    const { name, dataDir } = cluster.node(lost);
    await quorate.removeMember(name);
    // Started where it reaches nobody, and stopped while it waits.
    const nowhere = withFlags(cluster.flags(lost), {
      "initial-cluster": cluster.flags(lost)[5]?.replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:1") ?? "",
    });
    {
      await using waiting = new ServerRun(nowhere);
      await waiting.says(/a new cluster needs all its members/);
    }
    expect(readdirSync(dataDir)).toContain("identity.json");
    await quorate.addMember(name, cluster.peerAddress(lost));
    await using node = new ServerRun(joining(cluster, lost));
    await node.says(new RegExp(`forgetting member .*${name}.*, which never took part`));
    await eventually(async () => (await cluster.status(lost))?.role === "learner", "the learner to join");
  });
});

describe("a node that is told to join", () => {
  it("leaves nothing behind when it is refused, and joins once it was added", async () => {
    await using cluster = await LocalCluster.start({ nodes: 1 });
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    const index = await cluster.newNode();
    const { name, dataDir } = cluster.node(index);
    const first = await runServer(cluster.flags(index));
    expect(first).toMatchObject({ code: 2, stderr: expect.stringMatching(/there is no member "n2"/) });
    expect(readdirSync(dataDir)).toEqual([]);
    await quorate.addMember(name, cluster.peerAddress(index));
    cluster.launch(index);
    await eventually(async () => (await cluster.status(index))?.role === "learner", "the learner to join");
    // From then on the option is of no use, and says so.
    await cluster.kill(index);
    cluster.launch(index);
    await eventually(() => /--join ignored: .* is that of member ..n2/.test(cluster.log(index)), "a warning");
    await cluster.waitForAgreement();
  });
});

/** The flags of a node, for a second process elsewhere on this machine. */
function elsewhere(cluster: LocalCluster, index: number, dataDir: string): string[] {
  const free = "127.0.0.1:0";
  return withFlags(cluster.flags(index), {
    ...{ "data-dir": dataDir, "client-listen": free, "peer-listen": free, "http-listen": free },
    "client-advertise": "127.0.0.1:1",
  });
}

/** Starts a node and waits until every other one has noted that start of it. */
async function launchAndBeHeard(cluster: LocalCluster, index: number): Promise<void> {
  const { memberId, starts: before } = identityOf(cluster.node(index).dataDir);
  const starts = before + 1;
  cluster.launch(index);
  await eventually(() => {
    const others = Array.from({ length: cluster.size }, (_, i) => i).filter((i) => i !== index);
    return others.every((i) => {
      const notes = JSON.parse(readFileSync(join(cluster.node(i).dataDir, "peers.json"), "utf8"));
      return notes.lives?.[memberId]?.startsWith(`${starts}-`) === true;
    });
  }, `all to have heard of start ${starts}`);
}

function identityOf(dataDir: string): { memberId: number; starts: number; standing: string } {
  return JSON.parse(readFileSync(join(dataDir, "identity.json"), "utf8"));
}

describe("a copy of a data directory", () => {
  it("does not run beside the node that went on with the original, however often it is started", async () => {
    await using cluster = await LocalCluster.start();
    await cluster.kill(1);
    const copy = join(cluster.dir, "copy");
    cpSync(cluster.node(1).dataDir, copy, { recursive: true });
    await launchAndBeHeard(cluster, 1);
    const first = await runServer(elsewhere(cluster, 1, copy));
    expect(first.code).toBe(2);
    expect(first.stderr).toMatch(
      /copy is not the newest directory of member .*is heard from another process.*quorate member remove n2/,
    );
    expect(identityOf(copy).standing).toBe("disowned");
    expect(await runServer(elsewhere(cluster, 1, copy))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is not the newest directory of member "n2"/),
    });
    await cluster.waitForAgreement();
    expect(identityOf(cluster.node(1).dataDir).standing).toBe("formed");
  });

  it("does not come back in place of a newer one, also when the others were restarted meanwhile", async () => {
    await using cluster = await LocalCluster.start();
    await cluster.kill(2);
    const copy = join(cluster.dir, "copy");
    const { dataDir } = cluster.node(2);
    cpSync(dataDir, copy, { recursive: true });
    for (let round = 0; round < 2; round++) {
      await launchAndBeHeard(cluster, 2);
      await cluster.kill(2);
    }
    for (const index of [0, 1]) {
      await cluster.kill(index);
      cluster.launch(index);
    }
    await cluster.waitForLeader();
    empty(dataDir);
    cpSync(copy, dataDir, { recursive: true });
    cluster.launch(2);
    expect(await cluster.waitForEnd(2)).toBe(2);
    expect(cluster.log(2)).toMatch(/of start 3 of its data directory, while the caller is of start 2/);
    await cluster.waitForAgreement();
  });
});
