import { describe, expect, it } from "vitest";
import { HandMadeRun, tripped } from "../invariants/hand-made-run.test-support.js";
import type { Answer, Call } from "../observation.js";

const get = (path: string): Call => ({ f: "get", path, serializable: undefined, revision: 0 });
const put = (path: string, value: string): Call => ({ f: "put", path, value, fence: undefined });
const append = (path: string, tag: string): Call => ({ f: "append", path, tag });
const cas = (path: string, from: string | undefined, to: string): Call => ({ f: "cas", path, from, to });
const returned = (operation: number, answer: Answer) => ({ kind: "returned", operation, answer }) as const;
const wrote = (revision: number): Answer => ({ f: "put", revision, previous: undefined });

function found(run: HandMadeRun, path: string, revision = 0): Answer {
  return { f: "get", entry: run.see(path, revision), revision: undefined };
}

describe("a legal run", () => {
  it("trips nothing, whatever the outcomes", () => {
    const run = new HandMadeRun();
    const first = run.invoke(put("/r", "a"));
    const early = run.invoke(get("/r"));
    const revision = run.put("/r", "a");
    run.client(returned(first, wrote(revision)));
    run.client(returned(early, { f: "get", entry: undefined, revision: undefined }));
    const swap = run.invoke(cas("/r", "a", "b"));
    run.client(returned(swap, { f: "cas", revision: run.put("/r", "b"), swapped: true }));
    const vain = run.invoke(cas("/r", "a", "c"));
    run.client(returned(vain, { f: "cas", revision: 2, swapped: false }));
    run.client({ kind: "failed", operation: run.invoke(put("/r", "no")), code: "FENCED" });
    run.client({ kind: "unknown", operation: run.invoke(put("/r", "perhaps")), code: "OUTCOME_UNKNOWN" });
    run.put("/r", "perhaps");
    run.client(returned(run.invoke(get("/r")), found(run, "/r")));
    const appended = run.invoke(append("/s", "1;"));
    run.client(returned(appended, { f: "append", revision: run.put("/s", "1;") }));
    const more = run.invoke(append("/s", "2;"));
    run.client(returned(more, { f: "append", revision: run.put("/s", "1;2;") }));
    run.client(returned(run.invoke(get("/s")), found(run, "/s")));
    const call: Call = {
      f: "txn",
      compares: [{ path: "/t", modRevision: 0 }],
      reads: ["/r"],
      writes: [{ path: "/t", value: "t" }],
      fence: undefined,
    };
    const txn = run.invoke(call);
    const at = run.put("/t", "t");
    run.client(returned(txn, { f: "txn", revision: at, succeeded: true, reads: [run.see("/r")] }));
    const gone = run.invoke({ f: "delete", path: "/r", fence: undefined });
    run.client(returned(gone, { f: "delete", revision: run.delete("/r"), deleted: 1 }));
    run.client(returned(run.invoke(get("/r")), found(run, "/r")));
    const again = run.invoke({ f: "delete", path: "/r", fence: undefined });
    run.client(returned(again, { f: "delete", revision: 7, deleted: 0 }));
    expect(run.finish()).toBeUndefined();
    expect(run.observer.summary).toMatchObject({
      operationsOk: 12,
      operationsFailed: 1,
      operationsUnknown: 1,
      linearizability: { operations: 14, paths: 3, undecided: [] },
      paths: 3,
      pathsUndecided: 0,
    });
  });
});

describe("LIN by revisions", () => {
  it("trips on a read of what some node had overwritten before", () => {
    const run = new HandMadeRun();
    const revision = run.put("/r", "a");
    const stale = found(run, "/r");
    run.put("/r", "b");
    expect(revision).toBe(1);
    expect(tripped(() => run.client(returned(run.invoke(get("/r")), stale)))).toBe("LIN");
  });

  it("trips on a read that finds nothing where something is", () => {
    const run = new HandMadeRun();
    run.put("/r", "a");
    const nothing: Answer = { f: "get", entry: undefined, revision: undefined };
    expect(tripped(() => run.client(returned(run.invoke(get("/r")), nothing)))).toBe("LIN");
  });

  it("trips on a read of what was never written", () => {
    const run = new HandMadeRun();
    run.put("/r", "a");
    const entry = run.see("/r");
    if (entry === undefined) throw new Error("not there");
    const other: Answer = { f: "get", entry: { ...entry, value: new Uint8Array(3) }, revision: undefined };
    expect(tripped(() => run.client(returned(run.invoke(get("/r")), other)))).toBe("LIN");
  });

  it("trips on a serializable read below the revision asked for, and not on an old one otherwise", () => {
    const read = (minRevision: number): Call => ({
      f: "get",
      path: "/r",
      serializable: { minRevision },
      revision: 0,
    });
    const run = new HandMadeRun();
    run.put("/r", "a");
    const old = found(run, "/r");
    run.put("/r", "b");
    expect(tripped(() => run.client(returned(run.invoke(read(1)), old)))).toBeUndefined();
    expect(tripped(() => run.client(returned(run.invoke(read(2)), old)))).toBe("LIN");
  });

  it("trips on a list that is stale, lacks a child, or has one that was not there", () => {
    const list = (minRevision?: number): Call => {
      const serializable = minRevision === undefined ? undefined : { minRevision };
      return { f: "list", path: "/d", serializable };
    };
    const seen = (run: HandMadeRun, paths: readonly string[], revision: number): Answer => {
      return { f: "list", revision, entries: paths.flatMap((path) => run.see(path, revision) ?? []) };
    };
    const listed = (call: Call, paths: readonly string[], revision: number) => {
      const run = new HandMadeRun();
      for (const path of ["/d/a", "/d/b", "/d/b/below", "/e"]) run.put(path, path);
      run.delete("/d/a");
      return tripped(() => run.client(returned(run.invoke(call), seen(run, paths, revision))));
    };
    expect(listed(list(), ["/d/b"], 5)).toBeUndefined();
    expect(listed(list(2), ["/d/a", "/d/b"], 2)).toBeUndefined();
    expect(listed(list(), ["/d/a", "/d/b"], 4)).toBe("LIN");
    expect(listed(list(3), ["/d/a", "/d/b"], 2)).toBe("LIN");
    expect(listed(list(), [], 5)).toBe("LIN");
    expect(listed(list(), ["/d/b", "/d/b/below"], 5)).toBe("LIN");
    expect(listed(list(2), ["/d/b", "/d/a"], 2)).toBe("LIN");
  });

  it("trips when two operations are told one revision, or one of before its invocation", () => {
    const run = new HandMadeRun();
    const [first, second] = [run.invoke(put("/r", "a")), run.invoke(put("/r", "a"))];
    const revision = run.put("/r", "a");
    run.client(returned(first, wrote(revision)));
    expect(tripped(() => run.client(returned(second, wrote(revision))))).toBe("LIN");
    const other = new HandMadeRun();
    other.put("/r", "a");
    expect(tripped(() => other.client(returned(other.invoke(put("/r", "a")), wrote(1))))).toBe("LIN");
  });

  it("trips when a compare-and-swap ends as it must not", () => {
    const run = new HandMadeRun();
    run.put("/r", "a");
    const vain: Answer = { f: "cas", revision: 1, swapped: false };
    expect(tripped(() => run.client(returned(run.invoke(cas("/r", "a", "b")), vain)))).toBe("LIN");
    const other = new HandMadeRun();
    other.put("/r", "a");
    const operation = other.invoke(cas("/r", "x", "b"));
    const swapped: Answer = { f: "cas", revision: other.put("/r", "b"), swapped: true };
    expect(tripped(() => other.client(returned(operation, swapped)))).toBe("LIN");
  });

  it("trips when an append loses another, or a transaction reads an old state", () => {
    const run = new HandMadeRun();
    run.put("/s", "1;");
    const lossy = run.invoke(append("/s", "2;"));
    const lost: Answer = { f: "append", revision: run.put("/s", "2;") };
    expect(tripped(() => run.client(returned(lossy, lost)))).toBe("LIN");
    const other = new HandMadeRun();
    other.put("/r", "a");
    const old = other.see("/r");
    other.put("/r", "b");
    const txn = other.invoke({
      f: "txn",
      compares: [],
      reads: ["/r"],
      writes: [{ path: "/t", value: "t" }],
      fence: undefined,
    });
    const answer: Answer = { f: "txn", revision: other.put("/t", "t"), succeeded: true, reads: [old] };
    expect(tripped(() => other.client(returned(txn, answer)))).toBe("LIN");
  });
});

describe("DUR, of answers", () => {
  it("trips when an acknowledged write is not in the history", () => {
    const run = new HandMadeRun();
    expect(tripped(() => run.client(returned(run.invoke(put("/r", "a")), wrote(1))))).toBe("DUR");
  });
});

describe("written values", () => {
  it("trip LIN when an operation that failed for certain took effect", () => {
    for (const [call, text] of [
      [put("/r", "a"), "a"],
      [append("/s", "9;"), "1;9;"],
    ] as const) {
      const run = new HandMadeRun();
      run.client({ kind: "failed", operation: run.invoke(call), code: "NO_QUORUM" });
      run.put(call.f === "put" ? "/r" : "/s", text);
      expect(tripped(() => run.finish())).toBe("LIN");
    }
  });

  it("trip EO when a value or a tag is there twice", () => {
    const run = new HandMadeRun();
    run.client({ kind: "unknown", operation: run.invoke(put("/r", "a")), code: "OUTCOME_UNKNOWN" });
    for (const text of ["a", "b", "a"]) run.put("/r", text);
    expect(tripped(() => run.finish())).toBe("EO");
    const other = new HandMadeRun();
    other.client({ kind: "unknown", operation: other.invoke(append("/s", "1;")), code: "OUTCOME_UNKNOWN" });
    for (const text of ["1;", "1;2;", "1;2;1;"]) other.put("/s", text);
    expect(tripped(() => other.finish())).toBe("EO");
  });
});

describe("LIN by search", () => {
  // The reference history is made to agree with what the clients saw, so that only the search can object.
  it("trips on registers and strings that no order explains", () => {
    const run = new HandMadeRun();
    const later = run.invoke(put("/r", "b"));
    run.put("/r", "a");
    const early = run.invoke({ f: "get", path: "/r", serializable: undefined, revision: 0 });
    run.client(returned(early, found(run, "/r")));
    run.client(returned(later, wrote(run.put("/r", "b"))));
    // Nobody is known to have written "a".
    expect(tripped(() => run.finish())).toBe("LIN");
    const other = new HandMadeRun();
    const appended = other.invoke(append("/s", "1;"));
    other.client(returned(appended, { f: "append", revision: other.put("/s", "1;") }));
    other.put("/s", "");
    other.client(returned(other.invoke(get("/s")), found(other, "/s")));
    expect(tripped(() => other.finish())).toBe("LIN");
  });
});
