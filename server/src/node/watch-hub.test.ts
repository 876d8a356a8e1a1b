import { describe, expect, it } from "vitest";
import { bounds } from "../config.js";
import type { Change } from "../state-machine/index.js";
import type { WatchSink, WatchSpec } from "./watch.js";
import { type WatchHistory, WatchHub } from "./watch-hub.js";

const KIB = 1_024;
const value = new Uint8Array(100 * KIB);
/** More than one reply has, and not a multiple of it. */
const LARGE = 35;

const everything: WatchSpec = {
  kind: "path",
  key: "",
  recursive: true,
  previous: false,
  puts: true,
  deletes: true,
  progress: false,
};

function change(revision: number, key: string, bytes = value): Change {
  const entry = { key, value: bytes, createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  return { seq: 0, revision, key, entry, previous: undefined };
}

/** A revision of `count` changes. */
function revisionOf(revision: number, count: number): Change[] {
  return Array.from({ length: count }, (_, i) => change(revision, `/${revision}/${i}`));
}

class History implements WatchHistory {
  readonly changes: Change[] = [];
  compactedRevision = 0;
  fetched: number[] = [];

  get revision(): number {
    return this.changes.at(-1)?.revision ?? 0;
  }

  changesFrom(revision: number, limit: number): readonly Change[] {
    const from = this.changes.filter((made) => made.revision >= revision);
    const last = from[limit - 1]?.revision ?? Number.POSITIVE_INFINITY;
    const whole = from.filter((made) => made.revision <= last);
    this.fetched.push(whole.length);
    return whole;
  }

  previousOf(): undefined {
    return undefined;
  }
}

interface Delivery {
  readonly keys: readonly string[];
  readonly revision: number;
  readonly more: boolean;
  readonly bytes: number;
}

/** Takes so many deliveries, then blocks until it is given room again. */
class Sink implements WatchSink {
  readonly deliveries: Delivery[] = [];
  room = Number.POSITIVE_INFINITY;

  get blocked(): boolean {
    return this.deliveries.length >= this.room;
  }

  get keys(): string[] {
    return this.deliveries.flatMap(({ keys }) => keys);
  }

  events(changes: readonly Change[], revision: number, more: boolean): void {
    const bytes = changes.reduce(
      (sum, { entry, previous }) => sum + (entry?.value.length ?? 0) + (previous?.value.length ?? 0),
      0,
    );
    this.deliveries.push({ keys: changes.map(({ key }) => key), revision, more, bytes });
  }

  progress(): void {}

  /** With which code, message and revision it was ended. */
  ended: readonly [string, string, number] | undefined;

  end(code: string, message: string, revision: number): void {
    this.ended = [code, message, revision];
  }
}

function hubOf(): { history: History; hub: WatchHub; apply: (changes: readonly Change[]) => void } {
  const history = new History();
  const hub = new WatchHub(history);
  const apply = (changes: readonly Change[]): void => {
    history.changes.push(...changes);
    hub.applied(changes);
  };
  return { history, hub, apply };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Long enough for the hub to do whatever it would do. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

function expectBounded({ deliveries, ended }: Sink): void {
  expect(ended).toBeUndefined();
  for (const { bytes } of deliveries) expect(bytes).toBeLessThanOrEqual(bounds.watchReplyBytesMax);
}

describe("a watch of a compacted history", () => {
  it("begins at the compacted revision, whose changes are all there, and not below it", async () => {
    const { history, hub, apply } = hubOf();
    apply([1, 2, 3].flatMap((revision) => revisionOf(revision, 2)));
    history.compactedRevision = 2;
    const [at, below] = [new Sink(), new Sink()];
    hub.add(everything, 2, at);
    hub.add(everything, 1, below);
    await until(() => at.deliveries.at(-1)?.revision === 3 && below.ended !== undefined);
    expect(at.keys).toEqual(["/2/0", "/2/1", "/3/0", "/3/1"]);
    expect(below.keys).toEqual([]);
    expect(below.ended).toEqual(["COMPACTED", expect.stringMatching(/oldest that can be watched is 2$/), 2]);
    expect(hub.count).toBe(1);
  });
});

describe("a watch of a range of keys", () => {
  const rest = { previous: false, puts: true, deletes: true, progress: false };
  const keys = ["a", "b/1", "foo", "foo/1", "foobar", "fop", "/path", "\xff"];

  it.each<[string, string, string | undefined, string[]]>([
    ["with a prefix", "foo", "fop", ["foo", "foo/1", "foobar"]],
    ["between two keys", "a", "c", ["a", "b/1"]],
    ["from a key on", "foobar", undefined, ["foobar", "fop", "\xff"]],
    ["of all keys, whatever their shape", "", undefined, keys],
    ["that is empty", "c", "b", []],
  ])("%s gets what changes in it, live and from history alike", async (_name, key, end, expected) => {
    const { hub, apply } = hubOf();
    const spec: WatchSpec = { kind: "range", key, end, ...rest };
    const [live, late] = [new Sink(), new Sink()];
    const watch = hub.add(spec, 1, live);
    apply(keys.map((changed, i) => change(i + 1, changed, new Uint8Array(1))));
    expect(live.keys).toEqual(expected);
    const lagging = hub.add(spec, 1, late);
    await until(() => hub.syncedTo(lagging) === keys.length);
    expect(late.keys).toEqual(expected);
    hub.remove(watch);
    apply([change(keys.length + 1, "foobar", new Uint8Array(1))]);
    expect(live.keys).toEqual(expected);
    hub.close();
    expect(late.ended?.[0]).toBe("UNAVAILABLE");
    expect(hub.count).toBe(0);
  });
});

describe("how far a watch is synced", () => {
  it("is known once it was delivered everything, quiet or not, and not while it lags", async () => {
    const { hub, apply } = hubOf();
    const [busySink, quietSink] = [new Sink(), new Sink()];
    const busy = hub.add(everything, 1, busySink);
    const quiet = hub.add({ ...everything, key: "/elsewhere" }, 1, quietSink);
    apply(revisionOf(1, 1));
    expect([hub.syncedTo(busy), hub.syncedTo(quiet)]).toEqual([1, 1]);
    busySink.room = 1;
    apply(revisionOf(2, 1));
    expect([hub.syncedTo(busy), hub.syncedTo(quiet)]).toEqual([undefined, 2]);
    busySink.room = Number.POSITIVE_INFINITY;
    hub.drained();
    await until(() => hub.syncedTo(busy) === 2);
    expect(busySink.keys).toEqual(["/1/0", "/2/0"]);
    hub.remove(quiet);
    expect(hub.syncedTo(quiet)).toBeUndefined();
  });

  it("does not count a revision of which another watch was told first", () => {
    const { hub, apply } = hubOf();
    const second = new Sink();
    const seen: (number | undefined)[] = [];
    class Asking extends Sink {
      override events(...delivery: Parameters<Sink["events"]>): void {
        super.events(...delivery);
        seen.push(hub.syncedTo(watch));
      }
    }
    hub.add(everything, 1, new Asking());
    const watch = hub.add(everything, 1, second);
    apply(revisionOf(1, 1));
    expect(seen).toEqual([undefined]);
    expect(hub.syncedTo(watch)).toBe(1);
  });

  it("is undefined after the state was replaced, until history was gone through", async () => {
    const { history, hub, apply } = hubOf();
    const watch = hub.add(everything, 1, new Sink());
    apply(revisionOf(1, 1));
    history.changes.push(...revisionOf(2, 1));
    hub.restored();
    expect(hub.syncedTo(watch)).toBeUndefined();
    await until(() => hub.syncedTo(watch) === 2);
  });
});

describe("a watch of large revisions", () => {
  it("gets a revision over the bound in parts, and only the last one completes it", () => {
    const { hub, apply } = hubOf();
    const sink = new Sink();
    hub.add(everything, 1, sink);
    const changes = revisionOf(1, LARGE);
    apply(changes);
    expect(sink.keys).toEqual(changes.map(({ key }) => key));
    expect(sink.deliveries.map(({ revision, more }) => [revision, more])).toEqual([
      [0, true],
      [0, true],
      [0, true],
      [1, false],
    ]);
    expectBounded(sink);
  });

  it("gets revisions that fit whole, several in one reply", () => {
    const { hub, apply } = hubOf();
    const sink = new Sink();
    hub.add(everything, 1, sink);
    apply([1, 2, 3, 4].flatMap((revision) => revisionOf(revision, 4)));
    expect(sink.deliveries.map(({ keys, revision, more }) => [keys.length, revision, more])).toEqual([
      [8, 2, false],
      [8, 4, false],
    ]);
    expectBounded(sink);
  });

  it("counts the entries before the changes when they are sent too", () => {
    const { hub, apply } = hubOf();
    const sink = new Sink();
    hub.add({ ...everything, previous: true }, 1, sink);
    apply(revisionOf(1, LARGE).map((made) => ({ ...made, entry: undefined, previous: made.entry })));
    expect(sink.deliveries.length).toBe(4);
    expectBounded(sink);
  });

  it("gets the rest of a revision when its client reads on, and everything after it once", async () => {
    const { hub, apply } = hubOf();
    const sink = new Sink();
    sink.room = 2;
    hub.add(everything, 1, sink);
    const first = revisionOf(1, LARGE);
    apply([...first, ...revisionOf(2, 3)]);
    apply(revisionOf(3, 3));
    await turns();
    expect(sink.deliveries.map(({ more }) => more)).toEqual([true, true]);
    sink.room = 3;
    hub.drained();
    await turns();
    expect(sink.deliveries.length).toBe(3);
    sink.room = Number.POSITIVE_INFINITY;
    hub.drained();
    await until(() => sink.deliveries.at(-1)?.revision === 3);
    apply(revisionOf(4, 1));
    const all = [...first, ...[2, 3].flatMap((revision) => revisionOf(revision, 3)), ...revisionOf(4, 1)];
    expect(sink.keys).toEqual(all.map(({ key }) => key));
    expectBounded(sink);
  });

  it("keeps nothing for a client that stopped between two revisions, and goes on from history", async () => {
    const { history, hub, apply } = hubOf();
    const sink = new Sink();
    sink.room = 1;
    const watch = hub.add(everything, 1, sink);
    apply([1, 2, 3].flatMap((revision) => revisionOf(revision, 8)));
    expect(sink.deliveries.map(({ revision }) => revision)).toEqual([1]);
    expect(watch.pending).toBe(false);
    expect(watch.nextRevision).toBe(2);
    sink.room = Number.POSITIVE_INFINITY;
    hub.drained();
    await until(() => sink.deliveries.at(-1)?.revision === 3);
    expect(sink.keys).toEqual(history.changes.map(({ key }) => key));
  });

  it("catches up with large changes a few at a time", async () => {
    const { history, hub } = hubOf();
    for (let revision = 1; revision <= 200; revision++) history.changes.push(...revisionOf(revision, 1));
    const sink = new Sink();
    sink.room = 1;
    hub.add(everything, 1, sink);
    await turns();
    expect(history.fetched.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(16);
    sink.room = Number.POSITIVE_INFINITY;
    hub.drained();
    await until(() => sink.deliveries.at(-1)?.revision === 200);
    expect(sink.keys).toEqual(history.changes.map(({ key }) => key));
    expectBounded(sink);
  });
});
