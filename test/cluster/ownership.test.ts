import { Fenced, OutcomeUnknown, type Quorate, SessionExpired, type WatchEvent } from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { ChildProgram } from "./child-program.js";
import { eventually, LocalCluster, sleep } from "./local-cluster.js";
import { Observer } from "./observer.js";

const LOCK = "/owned/lock";
const PROTECTED = "/owned/protected";

/** What the log says of a lock: each owner in turn, with the protected writes made in its time. */
function tenures(events: readonly WatchEvent[]): { token: number; writes: number[] }[] {
  const queue = new Map<string, number>();
  const found: { token: number; writes: number[] }[] = [];
  for (const { path, kind, entry, revision } of events) {
    if (path === PROTECTED) {
      const tenure = found.at(-1);
      expect(firstToken(queue), `who owns at revision ${revision}`).toBe(tenure?.token);
      expect(Number(entry?.text()), `who wrote at revision ${revision}`).toBe(tenure?.token);
      tenure?.writes.push(revision);
      continue;
    }
    if (kind === "delete") queue.delete(path);
    else queue.set(path, entry?.createRevision ?? 0);
    const owner = firstToken(queue);
    if (owner !== undefined && owner !== found.at(-1)?.token) found.push({ token: owner, writes: [] });
  }
  return found;
}

function firstToken(queue: ReadonlyMap<string, number>): number | undefined {
  const [first] = [...queue.keys()].sort();
  return first === undefined ? undefined : queue.get(first);
}

describe("a lock", () => {
  it("is held by one of ten contenders at a time, under rising tokens, through the deaths of leaders", async () => {
    const CONTENDERS = 10;
    const KILLS = 3;
    const GRANTS_BETWEEN = 20;
    await using cluster = await LocalCluster.start();
    await using history = new Observer(await cluster.connect({ session: false }), "/owned", {
      recursive: true,
      fromRevision: 1,
    });
    const grants: { contender: number; token: number; writes: number[] }[] = [];
    let sessionsLost = 0;
    let writesRefused = 0;
    let writesUnknown = 0;
    let stopped = false;

    const open = (): Promise<Quorate> => cluster.connect({ requestTimeoutMs: 15_000, sessionTtlMs: 10_000 });
    const contend = async (contender: number): Promise<void> => {
      let quorate = await open();
      while (!stopped) {
        try {
          await using lock = await quorate.lock(LOCK);
          const grant = { contender, token: lock.token, writes: [] as number[] };
          grants.push(grant);
          for (let i = 0; i < 2; i++) {
            const { revision } = await quorate.put(PROTECTED, String(lock.token), { fence: lock });
            grant.writes.push(revision);
          }
        } catch (error) {
          if (error instanceof Fenced) writesRefused++;
          else if (error instanceof OutcomeUnknown) writesUnknown++;
          else if (!(error instanceof SessionExpired)) throw error;
          if (quorate.state !== "expired") continue;
          sessionsLost++;
          quorate = await open();
        }
      }
      await quorate.close();
    };
    const contenders = Promise.all(Array.from({ length: CONTENDERS }, (_, i) => contend(i)));
    for (let kill = 0; kill < KILLS; kill++) {
      const before = grants.length;
      await eventually(() => grants.length >= before + GRANTS_BETWEEN, "grants before the kill");
      const leader = await cluster.killLeader();
      const atKill = grants.length;
      await eventually(() => grants.length >= atKill + GRANTS_BETWEEN, "grants after the kill", 40_000);
      cluster.launch(leader);
    }
    stopped = true;
    await contenders;
    await using quorate = await open();
    const { revision: end } = await quorate.put("/owned/end", "");
    await eventually(() => history.revision >= end, "the history up to its end");

    const log = tenures(history.events.filter(({ path }) => path !== "/owned/end"));
    const tokens = log.map(({ token }) => token);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    const byToken = new Map(log.map(({ token, writes }) => [token, writes]));
    for (const { token, writes } of grants) {
      expect(byToken.get(token), `the writes under token ${token}`).toEqual(expect.arrayContaining(writes));
    }
    const seen = grants.map(({ token }) => token);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(grants.map(({ contender }) => contender)).size).toBe(CONTENDERS);
    expect(grants.length).toBeGreaterThanOrEqual(2 * KILLS * GRANTS_BETWEEN);
    console.info(
      `${grants.length} grants, ${log.length} tenures, tokens ${tokens[0]} to ${tokens.at(-1)}, ${KILLS} kills, ` +
        `${sessionsLost} sessions lost, ${writesRefused} writes refused, ${writesUnknown} unknown`,
    );
    await cluster.waitForAgreement();
  }, 180_000);

  it("that was lost fences the writes of its former owner", async () => {
    await using cluster = await LocalCluster.start();
    await using former = await cluster.connect();
    await using other = await cluster.connect();
    const lost = await former.lock(LOCK);
    await former.put(PROTECTED, "first", { fence: lost });
    const waiting = other.lock(LOCK);

    await other.delete(lost.path);
    await expect(former.put(PROTECTED, "late", { fence: lost })).rejects.toBeInstanceOf(Fenced);
    await using next = await waiting;
    expect(next.token).toBeGreaterThan(lost.token);
    await other.put(PROTECTED, "second", { fence: next });
    await expect(former.delete(PROTECTED, { fence: lost })).rejects.toBeInstanceOf(Fenced);
    await expect(former.txn({ fence: lost })).rejects.toBeInstanceOf(Fenced);
    await expect(former.grantLease(5_000, { fence: lost })).rejects.toBeInstanceOf(Fenced);
    await expect(former.quota.set("/owned", { keysMax: 1 }, { fence: lost })).rejects.toBeInstanceOf(Fenced);
    const { id } = await former.grantLease(60_000, { fence: next });
    await expect(former.revokeLease(id, { fence: lost })).rejects.toBeInstanceOf(Fenced);
    await former.revokeLease(id, { fence: next });
    await former.quota.set("/owned/quota", { keysMax: 7 }, { fence: next });
    await expect(former.quota.delete("/owned/quota", { fence: lost })).rejects.toBeInstanceOf(Fenced);
    expect(await former.quota.get("/owned/quota")).toMatchObject({ keysMax: 7 });
    await former.quota.delete("/owned/quota", { fence: next });
    expect((await former.get(PROTECTED))?.text()).toBe("second");
    await eventually(() => lost.signal.aborted, "the former owner to be told");
    await cluster.waitForAgreement();
  });
});

describe("an election", () => {
  it("goes to the next candidate when the leader stands still, whose late writes are then refused", async () => {
    const KEY = "/election";
    const TTL_MS = 2_000;
    await using cluster = await LocalCluster.start();
    const args = (name: string): string[] => [
      cluster.endpoints.join(","),
      KEY,
      name,
      PROTECTED,
      String(TTL_MS),
    ];
    await using first = new ChildProgram("candidate", args("first"));
    const office = await first.report("elected");
    await first.report("wrote");
    await using second = new ChildProgram("candidate", args("second"));
    await using quorate = await cluster.connect();
    await eventually(
      async () => (await quorate.list(KEY, { recursive: true })).nodes.length === 2,
      "the second candidate in the queue",
    );

    first.signal("SIGSTOP");
    const stoppedAtMs = performance.now();
    const successor = await second.report("elected");
    const takeoverMs = performance.now() - stoppedAtMs;
    expect(Number(successor.token)).toBeGreaterThan(Number(office.token));
    expect(await quorate.leader(KEY)).toEqual({ name: "second", token: successor.token });
    const { revision: takenOver } = await quorate.put("/marker", "the second leads");
    await second.report("wrote");
    await sleep(TTL_MS / 2);

    first.signal("SIGCONT");
    const refused = await first.report("refused");
    expect(refused).toMatchObject({ code: "FENCED", token: office.token, signalled: true });
    const late = first.reports.filter(
      ({ kind, revision }) => kind === "wrote" && Number(revision) > takenOver,
    );
    expect(late).toEqual([]);
    expect((await quorate.get(PROTECTED))?.text()).toBe("second");
    console.info(
      `token ${office.token} after ${first.reports.filter(({ kind }) => kind === "wrote").length} writes; ` +
        `token ${successor.token} took over ${Math.round(takeoverMs)} ms after the pause began (TTL ${TTL_MS} ms)`,
    );
    await cluster.waitForAgreement();
  });
});
