import { type MutationId, OutcomeUnknown, QuorateError } from "@quorate/sdk";
import { expect, it } from "vitest";
import { LocalCluster, sleep } from "./local-cluster.js";

const PUTS = 40;

it("tells of every write that was given up in a failure whether it was applied, and keeps to that", async () => {
  await using cluster = await LocalCluster.start();
  await using quorate = await cluster.connect({ sessionTtlMs: 60_000 });
  const given: { readonly path: string; readonly mutation: MutationId }[] = [];
  const certain = new Map<string, boolean>();
  const write = async (path: string): Promise<void> => {
    try {
      await quorate.put(path, "1", { timeoutMs: 400 });
      certain.set(path, true);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      if (!(error instanceof OutcomeUnknown)) certain.set(path, false);
      else if (error.mutation === undefined) throw error;
      else given.push({ path, mutation: error.mutation });
    }
  };
  const writes: Promise<void>[] = [];
  const leader = await cluster.waitForLeader();
  const others = [0, 1, 2].filter((i) => i !== leader);
  for (let i = 0; i < PUTS; i++) {
    // In the middle the leader loses its followers: it takes what it cannot commit.
    if (i === PUTS / 2) await Promise.all(others.map((other) => cluster.kill(other)));
    writes.push(write(`/given-up/${i}`));
    await sleep(5);
  }
  await Promise.all(writes);
  for (const other of others) cluster.launch(other);
  await cluster.waitForLeader();

  expect(given.length).toBeGreaterThan(0);
  const applied = new Map(certain);
  for (const { path, mutation } of given) {
    const outcome = await quorate.outcome(mutation, { timeoutMs: 20_000 });
    if (outcome.kind === "applied") expect(outcome.result).toMatchObject({ kind: "put", path });
    expect(outcome.kind).not.toBe("forgotten");
    applied.set(path, outcome.kind === "applied");
  }
  // What was said not to have been applied is not applied later either.
  await sleep(2_000);
  for (const [path, isApplied] of applied) {
    expect((await quorate.get(path)) !== undefined, path).toBe(isApplied);
  }
  const yes = given.filter(({ path }) => applied.get(path)).length;
  console.info(`${given.length} writes of unknown outcome: ${yes} applied, ${given.length - yes} not`);
  await cluster.waitForAgreement();
}, 90_000);
