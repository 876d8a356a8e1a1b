import { op, type Quorate, type WatchEvent } from "@quorate/sdk";
import { expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";
import { Observers } from "./observer.js";

/** Observers to begin with; more are added until the leader serves one. */
const OBSERVERS = 3;
const KILLS = 2;
const WRITES_BETWEEN = 200;

/** Kills the leader twice, each time amid writes and with a watch on it, and restarts it. */
async function disturb(
  cluster: LocalCluster,
  observers: Observers,
  acknowledged: () => number,
): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const before = acknowledged();
    await eventually(() => acknowledged() >= before + WRITES_BETWEEN, "writes before the kill");
    const leader = await observers.killLeaderWatchedThrough();
    const atKill = acknowledged();
    await eventually(() => acknowledged() >= atKill + WRITES_BETWEEN, "writes after the kill");
    cluster.launch(leader);
  }
}

it("a watch delivers every revision of a key once and in order across the deaths of two leaders", async () => {
  await using cluster = await LocalCluster.start();
  await using quorate = await cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 30_000 });
  const { revision: start } = await quorate.put("/watched", "start");
  await using observers = new Observers(cluster, "/watched", { fromRevision: start + 1 });
  for (let i = 0; i < OBSERVERS; i++) await observers.add();

  const written: { revision: number; value: string }[] = [];
  let stopped = false;
  const writer = (async () => {
    for (let i = 0; !stopped; i++) {
      const { revision } = await quorate.put("/watched", `value ${i}`);
      written.push({ revision, value: `value ${i}` });
      await quorate.put("/elsewhere", "not watched");
    }
  })();
  await disturb(cluster, observers, () => written.length);
  stopped = true;
  await writer;

  await observers.waitFor(written.at(-1)?.revision ?? 0);
  for (const { events } of observers.all) {
    expect(events.map(({ revision, entry }) => ({ revision, value: entry?.text() }))).toEqual(written);
  }
  console.info(`${written.length} revisions at each of ${observers.all.length} watches, ${KILLS} kills`);
  await cluster.waitForAgreement();
}, 120_000);

/** What one acknowledged change did. */
interface Written {
  readonly revision: number;
  readonly changes: readonly { readonly path: string; readonly value: string | undefined }[];
}

/** A writer of its own keys, round and round: two keys in one change, one key, a delete. */
async function write(
  quorate: Quorate,
  home: string,
  history: Written[],
  stopped: () => boolean,
): Promise<void> {
  for (let i = 0; !stopped(); i++) {
    const [left, right] = [`${home}/left`, `${home}/right`];
    const value = `value ${i}`;
    const both = await quorate.txn({ then: [op.put(left, value), op.put(right, value)] });
    history.push({
      revision: both.revision,
      changes: [
        { path: left, value },
        { path: right, value },
      ],
    });
    const path = `${home}/keys/${i % 10}`;
    const put = await quorate.put(path, value);
    history.push({ revision: put.revision, changes: [{ path, value }] });
    if (i % 3 !== 0) continue;
    const deleted = await quorate.delete(left);
    history.push({ revision: deleted.revision, changes: [{ path: left, value: undefined }] });
  }
}

it("a subtree watch with several writers begins with what there is, and misses and repeats nothing across the deaths of two leaders", async () => {
  await using cluster = await LocalCluster.start();
  const history: Written[] = [];
  let stopped = false;
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 30_000 })),
  );
  const writers = Promise.all(
    clients.map((quorate, i) => write(quorate, `/tree/${i}`, history, () => stopped)),
  );
  await eventually(() => history.length > 100, "some entries to begin with");
  await using observers = new Observers(cluster, "/tree", { recursive: true, initial: true, previous: true });
  for (let i = 0; i < OBSERVERS; i++) await observers.add();
  await disturb(cluster, observers, () => history.length);
  stopped = true;
  await writers;
  await Promise.all(clients.map((quorate) => quorate.close()));

  history.sort((a, b) => a.revision - b.revision);
  await observers.waitFor(history.at(-1)?.revision ?? 0);
  for (const { events } of observers.all) {
    const begin = events[0]?.revision ?? 0;
    const initial = events.filter((event) => event.initial);
    expect(initial.length).toBeGreaterThan(0);
    expect(events.slice(0, initial.length)).toEqual(initial);
    const { state, deliveries } = expected(history, begin);
    expect(Object.fromEntries(initial.map(({ path, entry }) => [path, entry?.text()]))).toEqual(state);
    expect(new Set(initial.map(({ revision }) => revision))).toEqual(new Set([begin]));
    expect(events.slice(initial.length).map(delivery)).toEqual(deliveries);
    expect(deliveries.length).toBeGreaterThan(WRITES_BETWEEN);
  }
  console.info(`${history.length} revisions, ${observers.all.length} subtree watches, ${KILLS} kills`);
  await cluster.waitForAgreement();
}, 120_000);

type Delivery = readonly [
  revision: number,
  kind: string,
  path: string,
  value: string | undefined,
  previous: string | undefined,
];

function delivery({ revision, kind, path, entry, previous }: WatchEvent): Delivery {
  return [revision, kind, path, entry?.text(), previous?.text()];
}

/** The entries as of a revision, and what a watch must deliver after it. */
function expected(
  history: readonly Written[],
  begin: number,
): { state: Record<string, string>; deliveries: Delivery[] } {
  const current = new Map<string, string>();
  let state: Record<string, string> = {};
  const deliveries: Delivery[] = [];
  for (const { revision, changes } of history) {
    for (const { path, value } of changes) {
      const previous = current.get(path);
      if (value === undefined) current.delete(path);
      else current.set(path, value);
      if (revision > begin) {
        deliveries.push([revision, value === undefined ? "delete" : "put", path, value, previous]);
      }
    }
    if (revision <= begin) state = Object.fromEntries(current);
  }
  return { state, deliveries };
}
