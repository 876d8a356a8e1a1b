import { describe, expect, it } from "vitest";
import { command, tripped } from "../invariants/hand-made-run.test-support.js";
import type { WatchEventSeen } from "../observation.js";
import { WatchRun } from "./watch-run.test-support.js";

describe("a legal watch", () => {
  it("delivers every change once, from the first revision asked for", () => {
    const run = new WatchRun();
    run.open();
    run.deliver(...run.all());
    run.open({ watch: 2, path: "/w/a", recursive: false, fromRevision: 2, previous: true });
    const events = [run.change("/w/a", 3, run.see("/w/a", 1)), run.change("/w/a", 5, run.see("/w/a", 3))];
    run.client({ kind: "watchDelivered", watch: 2, events });
    expect(run.finish()).toBeUndefined();
    expect(run.observer.summary).toMatchObject({ watches: 2, watchEvents: 7 });
  });

  it("may start anywhere after it was opened, or with the state", () => {
    const run = new WatchRun();
    run.open({ fromRevision: undefined });
    run.put("/w/x", "6");
    run.put("/w/y", "7");
    run.deliver(run.change("/w/y", 7));
    expect(run.finish()).toBeUndefined();
    const other = new WatchRun();
    other.open({ fromRevision: undefined, initial: true });
    other.put("/w/x", "6");
    other.deliver(other.initial("/w/b", 5), other.initial("/w/c", 5), other.change("/w/x", 6));
    expect(other.finish()).toBeUndefined();
  });

  it("may start in the future, and with an empty state", () => {
    const run = new WatchRun();
    run.open({ fromRevision: 7 });
    run.put("/w/x", "6");
    run.put("/w/y", "7");
    run.deliver(run.change("/w/y", 7));
    expect(run.finish()).toBeUndefined();
    const other = new WatchRun();
    other.open({ path: "/empty", fromRevision: undefined, initial: true });
    other.put("/empty/x", "6");
    other.deliver(other.change("/empty/x", 6));
    expect(other.finish()).toBeUndefined();
  });
});

describe("WATCH", () => {
  const wrong: readonly [string, (run: WatchRun, all: WatchEventSeen[]) => WatchEventSeen[]][] = [
    ["a gap", (_, all) => all.filter(({ revision }) => revision !== 3)],
    ["half a revision", (_, all) => all.filter(({ path }) => path !== "/w/c")],
    ["a repetition", (_, all) => [...all.slice(0, 3), ...all.slice(1)]],
    ["another order", (_, all) => all.toReversed()],
    [
      "a key that is not watched",
      (run, all) => [...all.slice(0, 4), run.change("/other", 4), ...all.slice(4)],
    ],
    [
      "another value",
      (run, all) =>
        all.map((event) => (event.revision === 3 ? { ...event, entry: run.see("/w/a", 1) } : event)),
    ],
    ["a missing end", (_, all) => all.slice(0, 4)],
    [
      "an entry before, unasked",
      (run, all) => all.map((event) => ({ ...event, previous: run.see("/w/a", 1) })),
    ],
    ["an initial entry, unasked", (run, all) => [run.initial("/w/a", 1), ...all]],
  ];
  it.each(wrong)("trips on %s", (_, events) => {
    const run = new WatchRun();
    run.open();
    expect(
      tripped(() => {
        run.deliver(...events(run, run.all()));
        return run.finish();
      }),
    ).toBe("WATCH");
  });

  it("trips on revisions of before its start", () => {
    const run = new WatchRun();
    run.open({ fromRevision: 3 });
    expect(tripped(() => run.deliver(run.change("/w/a", 1)))).toBe("WATCH");
    const other = new WatchRun();
    other.open({ fromRevision: undefined });
    expect(tripped(() => other.deliver(other.change("/w/a", 5)))).toBe("WATCH");
    const future = new WatchRun();
    future.open({ fromRevision: 7 });
    future.put("/w/x", "6");
    expect(tripped(() => future.deliver(future.change("/w/x", 6)))).toBe("WATCH");
  });

  it("trips when one from now on leaves out what was applied when it had to be served", () => {
    const end = (run: WatchRun, settledMs: number) => () =>
      run.observer.finish({ healed: run.nodes, healedMs: 0, settledMs, trueMs: run.trueMs });
    for (const delivers of [false, true]) {
      const run = new WatchRun();
      run.open({ fromRevision: undefined });
      const settledMs = run.trueMs;
      run.trueMs += 900;
      run.put("/w/x", "6");
      if (!delivers) expect(tripped(end(run, settledMs))).toBeUndefined();
      run.trueMs += 200;
      run.put("/w/x", "7");
      run.put("/w/x", "8");
      if (delivers) run.deliver(run.change("/w/x", 8));
      // Had it settled later, it might have been served later.
      expect(tripped(end(run, settledMs + 500))).toBeUndefined();
      expect(tripped(end(run, settledMs))).toBe("WATCH");
    }
  });

  it("asks nothing more of one whose client cannot be reached, and everything of before", () => {
    for (const kind of ["killed", "stranded"] as const) {
      const run = new WatchRun();
      run.open();
      run.deliver(...run.all().slice(0, 4));
      run.client({ kind });
      expect(run.finish(), kind).toBeUndefined();
      const other = new WatchRun();
      other.open();
      expect(tripped(() => other.deliver(...other.all().slice(1)))).toBe("WATCH");
    }
  });

  it("trips on a revision in parts, unless the client takes its time", () => {
    for (const eager of [true, false]) {
      const run = new WatchRun();
      run.open({ eager });
      const all = run.all();
      run.deliver(...all.slice(0, 2));
      run.trueMs += 1;
      expect(tripped(() => run.deliver(...all.slice(2)))).toBe(eager ? "WATCH" : undefined);
    }
  });

  it("trips on a wrong or missing entry before the change", () => {
    for (const revision of [undefined, 2]) {
      const run = new WatchRun();
      run.open({ path: "/w/a", recursive: false, fromRevision: 3, previous: true });
      const previous = revision === undefined ? undefined : run.see("/w/b", revision);
      expect(tripped(() => run.deliver(run.change("/w/a", 3, previous)))).toBe("WATCH");
    }
  });

  it("trips on a state that is incomplete, old, or followed by a gap", () => {
    const initial = { fromRevision: undefined, initial: true };
    const incomplete = new WatchRun();
    incomplete.open(initial);
    incomplete.deliver(incomplete.initial("/w/b", 5));
    expect(tripped(() => incomplete.finish())).toBe("WATCH");
    const old = new WatchRun();
    old.open(initial);
    expect(tripped(() => old.deliver(old.initial("/w/b", 4)))).toBe("WATCH");
    const gap = new WatchRun();
    gap.open(initial);
    gap.put("/w/x", "6");
    gap.put("/w/y", "7");
    gap.deliver(gap.initial("/w/b", 5), gap.initial("/w/c", 5));
    expect(tripped(() => gap.deliver(gap.change("/w/y", 7)))).toBe("WATCH");
  });

  it("trips when it ends as compacted and its next revision is not, and not when it is", () => {
    const run = new WatchRun();
    run.open();
    run.run(command({ kind: "compact", revision: 4 }));
    expect(tripped(() => run.client({ kind: "watchEnded", watch: 1, code: "COMPACTED" }))).toBeUndefined();
    const other = new WatchRun();
    other.open({ fromRevision: 5 });
    other.run(command({ kind: "compact", revision: 4 }));
    expect(tripped(() => other.client({ kind: "watchEnded", watch: 1, code: "COMPACTED" }))).toBe("WATCH");
  });
});

describe("WATCH, of a watch with a filter,", () => {
  it("asks for the changes of its kinds, and no others", () => {
    for (const [kind, missing] of [
      ["put", 3],
      ["delete", 5],
    ] as const) {
      const wanted = (run: WatchRun) => run.all().filter((event) => event.kind === kind);
      const run = new WatchRun();
      run.open({ events: [kind] });
      run.deliver(...wanted(run));
      expect(run.finish(), kind).toBeUndefined();
      const all = new WatchRun();
      all.open({ events: [kind] });
      expect(
        tripped(() => all.deliver(...all.all())),
        kind,
      ).toBe("WATCH");
      const less = new WatchRun();
      less.open({ events: [kind] });
      const delivered = wanted(less).filter(({ revision }) => revision !== missing);
      expect(
        tripped(() => {
          less.deliver(...delivered);
          return less.finish();
        }),
        kind,
      ).toBe("WATCH");
    }
  });

  it("asks for initial entries only with puts, which they are", () => {
    const initial = { fromRevision: undefined, initial: true };
    for (const [kind, expected] of [
      ["put", undefined],
      ["delete", "WATCH"],
    ] as const) {
      const run = new WatchRun();
      run.open({ ...initial, events: [kind] });
      expect(
        tripped(() => run.deliver(run.initial("/w/b", 5), run.initial("/w/c", 5))),
        kind,
      ).toBe(expected);
    }
    const run = new WatchRun();
    run.open({ ...initial, events: ["delete"] });
    run.put("/w/x", "6");
    run.delete("/w/x");
    run.deliver(run.change("/w/x", 7));
    expect(run.finish()).toBeUndefined();
  });
});

describe("WATCH, of marks and bookmarks,", () => {
  const told = (kind: "watchProgress" | "watchBookmark", revision: number) =>
    ({ kind, watch: 1, revision }) as const;

  it.each(["watchProgress", "watchBookmark"] as const)("%s: is of what was delivered", (kind) => {
    const run = new WatchRun();
    run.open();
    const all = run.all();
    run.deliver(...all.slice(0, 4));
    run.client(told(kind, 3));
    run.client(told(kind, 4));
    run.deliver(...all.slice(4));
    run.client(told(kind, 5));
    expect(run.finish()).toBeUndefined();
    const cases: readonly [string, number, number][] = [
      ["is ahead", 4, 5],
      ["is of a revision in parts", 2, 2],
      ["falls back", 4, 2],
      ["has not happened", 5, 6],
    ];
    for (const [what, delivered, revision] of cases) {
      const wrong = new WatchRun();
      wrong.open();
      wrong.deliver(...wrong.all().slice(0, delivered));
      expect(
        tripped(() => wrong.client(told(kind, revision))),
        what,
      ).toBe("WATCH");
    }
  });

  it("a bookmark may be before a revision that was taken in part; a mark may not", () => {
    for (const [kind, expected] of [
      ["watchBookmark", undefined],
      ["watchProgress", "WATCH"],
    ] as const) {
      const run = new WatchRun();
      run.open();
      run.deliver(...run.all().slice(0, 2));
      expect(tripped(() => run.client(told(kind, 1)))).toBe(expected);
    }
    const run = new WatchRun();
    run.open();
    run.deliver(...run.all().slice(0, 1));
    expect(tripped(() => run.client({ kind: "watchBookmark", watch: 1, revision: undefined }))).toBe("WATCH");
  });

  it("a mark does not regress, and says where a watch from now on started", () => {
    const run = new WatchRun();
    run.open({ fromRevision: undefined });
    run.put("/other", "6");
    run.client(told("watchProgress", 6));
    expect(tripped(() => run.client(told("watchProgress", 5)))).toBe("WATCH");
    const other = new WatchRun();
    other.open({ fromRevision: undefined });
    other.client(told("watchProgress", 5));
    other.put("/w/x", "6");
    other.put("/w/y", "7");
    expect(tripped(() => other.deliver(other.change("/w/y", 7)))).toBe("WATCH");
    const before = new WatchRun();
    before.open({ fromRevision: undefined });
    expect(tripped(() => before.client(told("watchProgress", 4)))).toBe("WATCH");
  });
});
