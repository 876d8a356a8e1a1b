import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Quorate } from "@quorate/sdk";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";
import { runServer, type ServerEnd } from "./server-run.js";

/** The oldest file of a log that is not cut yet. */
const FIRST_SEGMENT = "000000000001.log";

/** Starts a cluster with some history. */
async function startWithHistory(): Promise<LocalCluster> {
  const cluster = await LocalCluster.start();
  try {
    await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
    await client.put("/damage/overwritten", "the first of two versions");
    await client.put("/damage/overwritten", "the second");
    for (let i = 0; i < 50; i++) await client.put(`/damage/${i}`, `value ${i} of some length`);
    await cluster.waitForAgreement();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Copies the data directory of a stopped node, so that every damage is done to the same sound one. */
function keepAside(cluster: LocalCluster, dataDir: string): string {
  const soundDir = join(cluster.dir, "sound");
  cpSync(dataDir, soundDir, { recursive: true });
  return soundDir;
}

function putBack(soundDir: string, dataDir: string): void {
  rmSync(dataDir, { recursive: true });
  cpSync(soundDir, dataDir, { recursive: true });
}

/** The others go on without the node whose disk is damaged. */
async function expectOthersToGoOn(cluster: LocalCluster): Promise<void> {
  // With a session, a write is sent again until it is answered when the stopped node was the leader.
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  await client.put("/damage/after", "1");
}

/** It ended with one line that says what is damaged. */
function expectOneLine({ code, stderr }: ServerEnd, exitCode: number, says: RegExp): void {
  expect(stderr).toMatch(says);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(code).toBe(exitCode);
}

describe("a stopped node refuses to start", () => {
  let cluster: LocalCluster;
  let dataDir: string;
  let soundDir: string;

  beforeAll(async () => {
    cluster = await startWithHistory();
    await cluster.shutDown(2);
    dataDir = cluster.node(2).dataDir;
    soundDir = keepAside(cluster, dataDir);
  });

  beforeEach(() => {
    putBack(soundDir, dataDir);
  });

  afterEach(async () => {
    await expectOthersToGoOn(cluster);
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it("when a byte of a log entry was flipped, and keeps the log as it is", async () => {
    const file = join(dataDir, "log", FIRST_SEGMENT);
    flipInEntry(file);
    const damaged = readFileSync(file);
    expectOneLine(
      await runServer(cluster.flags(2)),
      1,
      /n3 is damaged: .*000000000001\.log at offset \d+ holds a damaged group: .* holds a later one/,
    );
    expect(readFileSync(file).equals(damaged)).toBe(true);
  });

  it("when a part of the log is missing, from its middle or its end", async () => {
    const file = join(dataDir, "log", FIRST_SEGMENT);
    const sound = readFileSync(file);
    const holed = Buffer.from(sound).fill(0, 2_048, 4_096);
    writeFileSync(file, holed);
    expectOneLine(await runServer(cluster.flags(2)), 1, /is damaged: .* at offset \d+ holds a damaged group/);
    writeFileSync(file, sound.subarray(0, sound.length - 512));
    expectOneLine(await runServer(cluster.flags(2)), 1, /is damaged: .* a part of it is missing/);
  });

  it("on a file that is no log, or no database", async () => {
    for (const [name, problem] of [
      [join("log", FIRST_SEGMENT), /is damaged: .* does not begin with a sound group/],
      ["state.db", /is damaged: file is not a database/],
    ] as const) {
      const file = join(dataDir, name);
      const sound = readFileSync(file);
      writeFileSync(file, Buffer.alloc(sound.length, "x"));
      expectOneLine(await runServer(cluster.flags(2)), 1, problem);
      writeFileSync(file, sound);
    }
  });

  it("when the middle of the state file was overwritten, or the state altered", async () => {
    const file = join(dataDir, "state.db");
    const db = new Database(file);
    db.exec("UPDATE change SET value = x'00' WHERE seq = (SELECT max(seq) FROM change)");
    db.close();
    expectOneLine(await runServer(cluster.flags(2)), 1, /state\.db: change \d+ does not match its checksum/);
    const bytes = readFileSync(file);
    bytes.fill(0xff, 8_192, statSync(file).size);
    writeFileSync(file, bytes);
    expectOneLine(await runServer(cluster.flags(2)), 1, /is damaged: /);
  });

  it("when the oldest version of a key was altered, which nothing current shows", async () => {
    const altered = alterOldest(join(dataDir, "state.db"), "/damage/overwritten");
    expectOneLine(
      await runServer(cluster.flags(2)),
      1,
      new RegExp(`n3 is damaged: .*state\\.db: change ${altered} does not match its checksum`),
    );
  });

  it("when its log, hence its votes, or its identity is gone", async () => {
    const identity = join(dataDir, "identity.json");
    const kept = readFileSync(identity);
    rmSync(identity);
    expectOneLine(await runServer(cluster.flags(2)), 2, /holds a log but no identity\.json/);
    writeFileSync(identity, kept);
    rmSync(join(dataDir, "log"), { recursive: true });
    expectOneLine(await runServer(cluster.flags(2)), 2, /holds a state but no log/);
    expect(existsSync(join(dataDir, "log"))).toBe(false);
  });

  it("for no other reason: on what it held before the damage it starts", async () => {
    cluster.launch(2);
    await cluster.waitForAgreement();
    expect(await cluster.shutDown(2)).toBe(0);
  });
});

describe("a running node serves no older version that is altered meanwhile, and stops, naming the file", () => {
  /** More than what is kept of the history in memory, so that the first version is read from disk. */
  const values = Array.from({ length: 40 }, (_, i) => new Uint8Array(1_048_576).fill(i + 1));
  let cluster: LocalCluster;
  let dataDir: string;
  let soundDir: string;
  let first: number;

  beforeAll(async () => {
    cluster = await LocalCluster.start({ nodes: 1 });
    await using client = await cluster.connect({ session: false });
    first = (await client.put("/big", "first")).revision;
    for (const value of values) await client.put("/big", value);
    await cluster.shutDown(0);
    dataDir = cluster.node(0).dataDir;
    soundDir = keepAside(cluster, dataDir);
  });

  beforeEach(async () => {
    // After a test that failed it may still run.
    await cluster.kill(0);
    putBack(soundDir, dataDir);
    cluster.launch(0);
    await cluster.waitForLeader();
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it.each<[string, (client: Quorate, revision: number) => Promise<unknown>]>([
    ["read", (client, revision) => client.get("/big", { revision, timeoutMs: 5_000 })],
    [
      "serializable read",
      (client, revision) => client.get("/big", { revision, consistency: "serializable" }),
    ],
    ["history", async (client) => await client.history("/big").next()],
  ])("to a %s", async (_, ask) => {
    await using client = await cluster.connect({ session: false });
    expect((await client.get("/big", { revision: first }))?.text()).toBe("first");

    const logged = cluster.log(0).length;
    const altered = alterOldest(join(dataDir, "state.db"), "/big");
    await expect(ask(client, first)).rejects.toThrow();
    const told = new RegExp(`state\\.db: change ${altered} does not match its checksum`);
    await eventually(() => told.test(cluster.log(0).slice(logged)), "the node to say so");
    await eventually(() => !cluster.isRunning(0), "the node to end");
    expectOneLine(await runServer(cluster.flags(0)), 1, /state\.db: change \d+ does not match its checksum/);
  });
});

it("starts again after its disk is made empty of a state that only repeats the log", async () => {
  await using cluster = await startWithHistory();
  await cluster.kill(2);
  const { dataDir } = cluster.node(2);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(dataDir, `state.db${suffix}`), { force: true });
  cluster.launch(2);
  await cluster.waitForAgreement();
  await expectOthersToGoOn(cluster);
});

it("does not start anew with an empty directory; a new member gets everything from the others in its place", async () => {
  await using cluster = await startWithHistory();
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  await cluster.shutDown(2);
  rmSync(cluster.node(2).dataDir, { recursive: true });
  const { code, stderr } = await runServer(cluster.flags(2));
  expect(code).toBe(2);
  expect(stderr).toMatch(/has lost what it promised to the cluster/);

  // As docs/operations.md says.
  await client.removeMember("n3");
  const added = await cluster.newNode();
  await client.addMember("n4", cluster.peerAddress(added));
  cluster.launch(added);
  await cluster.waitForAgreement();
  await eventually(async () => {
    const promoted = await client.promoteMember("n4").catch(() => undefined);
    return promoted?.learner === false;
  }, "the new member to be promoted");
  await cluster.kill(0);
  expect((await client.get("/damage/0"))?.text()).toBe("value 0 of some length");
  await expectOthersToGoOn(cluster);
});

/** Flips a bit in the data of an entry in the middle of the log. */
function flipInEntry(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf("value 25 of some length");
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

/** Flips a bit in the value of the oldest change of a key. Returns its number. */
function alterOldest(file: string, key: string): number {
  const db = new Database(file);
  try {
    const { seq, value } = db
      .prepare<[Buffer], { seq: number; value: Buffer }>(
        "SELECT seq, value FROM change WHERE key = ? ORDER BY seq LIMIT 1",
      )
      .get(Buffer.from(key)) ?? { seq: 0, value: Buffer.alloc(0) };
    value.writeUInt8(value.readUInt8(0) ^ 0x80, 0);
    db.prepare("UPDATE change SET value = ? WHERE seq = ?").run(value, seq);
    return seq;
  } finally {
    db.close();
  }
}
