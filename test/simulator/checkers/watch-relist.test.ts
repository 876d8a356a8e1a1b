import { describe, expect, it } from "vitest";
import { command, tripped } from "../invariants/hand-made-run.test-support.js";
import type { WatchEventSeen } from "../observation.js";
import { type Opened, WatchRun } from "./watch-run.test-support.js";

/** As a watch run, and /w/b is deleted at revision 6, /w/d put at 7 and history compacted to `compacted`. */
class RelistRun extends WatchRun {
  constructor(options: Partial<Opened> = {}, compacted = 7) {
    super();
    this.open({ relist: true, ...options });
    this.delete("/w/b");
    this.put("/w/d", "7");
    this.run(command({ kind: "compact", revision: compacted }));
  }

  /** Delivers what was before the gap. */
  delivered(count = 4): this {
    this.deliver(...this.past.slice(0, count));
    return this;
  }

  readonly past = this.all();

  synthesized(kind: WatchEventSeen["kind"], path: string, revision = 7): WatchEventSeen {
    const entry = kind === "put" ? this.see(path, revision) : undefined;
    return { ...this.change("/w/d", 7), kind, path, entry, revision, synthesized: true };
  }

  /** What it missed after revision 3. */
  missed(): WatchEventSeen[] {
    return [
      this.synthesized("put", "/w/d"),
      this.synthesized("delete", "/w/a"),
      this.synthesized("delete", "/w/b"),
    ];
  }
}

describe("a legal relist", () => {
  it("delivers the difference, and then every change", () => {
    const run = new RelistRun().delivered();
    run.deliver(...run.missed());
    run.client({ kind: "watchBookmark", watch: 1, revision: 3 });
    run.client({ kind: "watchProgress", watch: 1, revision: 7 });
    run.put("/w/e", "8");
    run.deliver(run.change("/w/e", 8));
    expect(run.finish()).toBeUndefined();
  });

  it("may be overtaken, and then be of a newer revision", () => {
    const run = new RelistRun().delivered();
    run.deliver(run.synthesized("put", "/w/d"));
    run.put("/w/d", "8");
    run.run(command({ kind: "compact", revision: 8 }));
    const at = (kind: "put" | "delete", path: string) => run.synthesized(kind, path, 8);
    run.deliver(at("put", "/w/d"), at("delete", "/w/a"), at("delete", "/w/b"));
    expect(run.finish()).toBeUndefined();
  });

  it("delivers what is wanted alone", () => {
    const puts = new RelistRun({ events: ["put"] }).delivered();
    puts.deliver(puts.synthesized("put", "/w/d"));
    expect(puts.finish()).toBeUndefined();
    const deletes = new RelistRun({ events: ["delete"] });
    deletes.deliver(deletes.synthesized("delete", "/w/a"), deletes.synthesized("delete", "/w/b"));
    expect(deletes.finish()).toBeUndefined();
  });

  it("may deliver nothing where nothing differs in the end", () => {
    const run = new RelistRun({ path: "/w/x", recursive: false });
    run.put("/w/x", "8");
    run.delete("/w/x");
    run.run(command({ kind: "compact", revision: 9 }));
    run.put("/w/x", "10");
    run.deliver(run.change("/w/x", 10));
    expect(run.finish()).toBeUndefined();
  });

  it("may follow another, whose revision the bookmark is meanwhile", () => {
    const run = new RelistRun().delivered();
    run.deliver(...run.missed());
    run.put("/w/d", "8");
    run.put("/w/e", "9");
    run.run(command({ kind: "compact", revision: 9 }));
    run.deliver(run.synthesized("put", "/w/d", 9));
    run.client({ kind: "watchBookmark", watch: 1, revision: 7 });
    run.deliver(run.synthesized("put", "/w/e", 9));
    expect(run.finish()).toBeUndefined();
  });

  it("may follow one that delivered nothing", () => {
    for (const [revision, expected] of [
      [9, undefined],
      [8, "WATCH"],
    ] as const) {
      const run = new RelistRun({ path: "/w/x", recursive: false });
      run.put("/w/x", "8");
      run.delete("/w/x");
      run.put("/w/x", "10");
      run.run(command({ kind: "compact", revision: 10 }));
      run.deliver(run.synthesized("put", "/w/x", 10));
      const bookmark = { kind: "watchBookmark", watch: 1, revision } as const;
      expect(tripped(() => run.client(bookmark))).toBe(expected);
    }
  });

  it("of a start that nobody knows has a bookmark that says it", () => {
    const run = new RelistRun({ fromRevision: undefined });
    run.deliver(run.synthesized("put", "/w/d"));
    run.client({ kind: "watchBookmark", watch: 1, revision: 6 });
    expect(run.finish()).toBeUndefined();
  });

  it("of a start before history may not know what is gone, unless it was told", () => {
    const start = { fromRevision: 4 };
    for (const knows of [true, false]) {
      const run = new RelistRun(start);
      run.deliver(...run.missed().slice(0, knows ? 3 : 1));
      expect(run.finish(), `${knows}`).toBeUndefined();
    }
    const told = new RelistRun({ ...start, knownPaths: ["/w/a", "/w/c"] });
    told.deliver(...told.missed().slice(0, 2));
    expect(told.finish()).toBeUndefined();
  });
});

describe("WATCH, of a relist,", () => {
  const wrong: readonly [string, Partial<Opened>, (run: RelistRun) => WatchEventSeen[]][] = [
    ["a missing put", {}, (run) => run.missed().slice(1)],
    ["a missing delete", {}, (run) => run.missed().slice(0, 2)],
    ["nothing at all", {}, () => []],
    ["a repetition", {}, (run) => [run.synthesized("put", "/w/d"), ...run.missed()]],
    ["a repeated delete", {}, (run) => [...run.missed(), run.synthesized("delete", "/w/a")]],
    ["what was delivered before", {}, (run) => [run.synthesized("put", "/w/c"), ...run.missed()]],
    ["a delete of what is there", {}, (run) => [...run.missed(), run.synthesized("delete", "/w/c")]],
    ["a delete of what never was", {}, (run) => [...run.missed(), run.synthesized("delete", "/w/z")]],
    ["a key that is not watched", {}, (run) => [run.synthesized("put", "/other"), ...run.missed()]],
    [
      "another entry",
      {},
      (run) => run.missed().map((event) => (event.entry ? { ...event, entry: run.past[0]?.entry } : event)),
    ],
    ["a kind that is not wanted", { events: ["put"] }, (run) => run.missed()],
    ["an entry before", {}, (run) => run.missed().map((event) => ({ ...event, previous: run.see("/w/c") }))],
    ["a change of before it", {}, (run) => [...run.missed(), run.change("/w/d", 7)]],
    ["a watch that is not to", { relist: false }, (run) => run.missed()],
  ];
  it.each(wrong)("trips on %s", (_, options, events) => {
    const run = new RelistRun(options);
    const opened = run.past.filter(({ kind }) => options.events?.includes(kind) ?? true).slice(0, 4);
    expect(
      tripped(() => {
        run.deliver(...opened);
        run.deliver(...events(run));
        return run.finish();
      }),
    ).toBe("WATCH");
  });

  it("trips on one that no gap explains", () => {
    for (const [compacted, expected] of [
      [4, "WATCH"],
      [5, undefined],
    ] as const) {
      const run = new RelistRun({}, compacted).delivered();
      expect(
        tripped(() => run.deliver(...run.missed())),
        `${compacted}`,
      ).toBe(expected);
    }
  });

  it("trips on a gap after it, a mark or bookmark of before it, and an end as compacted", () => {
    const relisted = (): RelistRun => {
      const run = new RelistRun().delivered();
      run.deliver(...run.missed());
      return run;
    };
    const gap = relisted();
    gap.put("/w/e", "8");
    gap.put("/w/f", "9");
    expect(tripped(() => gap.deliver(gap.change("/w/f", 9)))).toBe("WATCH");
    for (const kind of ["watchProgress", "watchBookmark"] as const) {
      expect(
        tripped(() => relisted().client({ kind, watch: 1, revision: 6 })),
        kind,
      ).toBe("WATCH");
    }
    const overtaken = new RelistRun().delivered();
    overtaken.deliver(overtaken.synthesized("put", "/w/d"));
    overtaken.put("/w/e", "8");
    overtaken.deliver(overtaken.synthesized("put", "/w/e", 8));
    expect(tripped(() => overtaken.client({ kind: "watchBookmark", watch: 1, revision: 7 }))).toBe("WATCH");
    const unfinished = new RelistRun().delivered();
    unfinished.deliver(unfinished.synthesized("put", "/w/d"));
    expect(tripped(() => unfinished.client({ kind: "watchBookmark", watch: 1, revision: 7 }))).toBe("WATCH");
    const ended = { kind: "watchEnded", watch: 1, code: "COMPACTED" } as const;
    expect(tripped(() => new RelistRun().delivered().client(ended))).toBe("WATCH");
  });

  it("trips when it does not compare with what the client said it holds", () => {
    const told = { fromRevision: 4, knownPaths: ["/w/a"] };
    const missing = new RelistRun(told);
    missing.deliver(missing.synthesized("put", "/w/d"));
    expect(tripped(() => missing.finish())).toBe("WATCH");
    const more = new RelistRun(told);
    expect(tripped(() => more.deliver(...more.missed()))).toBe("WATCH");
  });
});
