import { describe, expect, it } from "vitest";
import { encodeConfiguration } from "../../../server/src/raft/index.js";
import { command, HandMadeRun, put, tripped } from "./hand-made-run.test-support.js";

/** A run in which node 1 leads term 1 and entries 1 and 2 are committed on all nodes. */
function committedRun(): HandMadeRun {
  const run = new HandMadeRun();
  run.put("/a", "1");
  run.put("/a", "2");
  return run;
}

describe("a legal run", () => {
  it("trips nothing through elections, an overwritten suffix, a restart, a cut log and a snapshot", () => {
    const run = committedRun();
    const [one, two, three] = run.nodes;
    // Node 1 appends what nobody gets; node 2 is elected and replaces it.
    run.append(one, run.entry(3, 1, "lost"));
    run.elect(two, 2);
    const commands = [command(put("/b", "1"))];
    const entry = run.entry(3, 2, "kept");
    for (const node of [two, three, one]) run.append(node, entry);
    for (const node of [two, three, one]) run.step(node, { commitIndex: 3 });
    for (const node of [two, one]) run.apply(node, entry, commands);
    // Node 2 forgets its log; node 3 gets a snapshot instead of applying.
    run.observer.statePersisted(2, 3, run.trueMs);
    run.observer.logCut(2, { index: 3, term: 2 }, run.trueMs);
    run.observer.snapshotInstalled(3, { index: 3, term: 2 }, two.machine.hash, run.trueMs);
    run.observer.died(1);
    one.boot = 2;
    one.role = "follower";
    run.observer.booted(one, one.machine.hash, run.trueMs);
    expect(run.finish()).toBeUndefined();
    expect(run.observer.summary).toMatchObject({
      boots: 4,
      elections: 2,
      entriesApplied: 3,
      snapshotsInstalled: 1,
    });
  });
});

describe("ES", () => {
  it("trips on two leaders of one term", () => {
    const run = committedRun();
    expect(tripped(() => run.step(run.nodes[1], { role: "leader" }))).toBe("ES");
  });

  it("is remembered after the violation was caught by what was observed", () => {
    const run = committedRun();
    tripped(() => run.step(run.nodes[1], { role: "leader" }));
    run.step(run.nodes[2], { role: "leader" });
    expect(run.observer.violation?.details).toMatchObject({ leaders: [1, 2] });
    expect(tripped(() => run.finish())).toBe("ES");
  });
});

describe("LM", () => {
  it("trips on one index and term with two contents", () => {
    const run = committedRun();
    run.append(run.nodes[0], run.entry(3, 1, "x"));
    expect(tripped(() => run.append(run.nodes[1], run.entry(3, 1, "y")))).toBe("LM");
  });

  it("trips on one index and term after different terms", () => {
    const run = committedRun();
    const [one, two] = run.nodes;
    run.append(one, run.entry(3, 1, "x"));
    run.append(two, run.entry(3, 2, "y"));
    run.append(two, run.entry(4, 3, "z"));
    expect(tripped(() => run.append(one, run.entry(4, 3, "z")))).toBe("LM");
  });

  it("trips on a gap in a log", () => {
    const run = committedRun();
    expect(tripped(() => run.persist(run.nodes[0], undefined, run.entry(4, 1)))).toBe("LM");
  });
});

describe("LC", () => {
  it("trips on a leader without an entry that was committed in an earlier term", () => {
    const run = committedRun();
    const [, two] = run.nodes;
    two.log = two.log.slice(0, 1);
    expect(tripped(() => run.elect(two, 2))).toBe("LC");
  });

  it("does not ask a leader of an earlier term, who was elected late, for what was committed in a later one", () => {
    const run = new HandMadeRun();
    const [one, two, three] = run.nodes;
    run.step(three, { term: 1, vote: 3, role: "candidate" });
    for (const node of [one, two]) run.step(node, { term: 2, vote: 1 });
    run.step(one, { role: "leader" });
    for (const node of [one, two]) run.append(node, run.entry(1, 2));
    run.step(one, { commitIndex: 1 });
    expect(tripped(() => run.step(three, { role: "leader" }))).toBeUndefined();
    expect(tripped(() => run.step(three, { role: "leader", term: 3 }))).toBe("LC");
  });
});

describe("SMS", () => {
  it("trips when a node applies another entry", () => {
    const run = committedRun();
    const [one, two] = run.nodes;
    const first = run.entry(3, 1, "x");
    run.apply(one, first, [command(put("/x", "x"))]);
    expect(tripped(() => run.apply(two, run.entry(3, 1, "y"), [command(put("/x", "y"))]))).toBe("SMS");
  });

  it("trips when two nodes take different entries for committed", () => {
    const run = committedRun();
    const [one, two, three] = run.nodes;
    for (const node of [one, two]) run.append(node, run.entry(3, 1, "x"));
    run.step(one, { commitIndex: 3 });
    run.append(three, run.entry(3, 2, "y"));
    expect(tripped(() => run.step(three, { commitIndex: 3 }))).toBe("SMS");
  });

  it("trips when a node commits past the end of its log", () => {
    const run = committedRun();
    expect(tripped(() => run.step(run.nodes[1], { commitIndex: 3 }))).toBe("SMS");
  });

  it("trips on a snapshot of what was not committed", () => {
    const run = committedRun();
    const position = { index: 3, term: 1 };
    expect(tripped(() => run.observer.snapshotInstalled(3, position, undefined, run.trueMs))).toBe("SMS");
  });
});

describe("MONO", () => {
  it("trips when term, commit index or applied index fall within a life", () => {
    const falls = [{ term: 0 }, { commitIndex: 1 }, { appliedIndex: 1 }];
    for (const fall of falls) {
      const run = committedRun();
      run.step(run.nodes[1]);
      Object.assign(run.nodes[1], fall);
      expect(tripped(() => run.step(run.nodes[1]))).toBe("MONO");
    }
  });

  it("trips when a vote changes within a term, in memory or on disk", () => {
    const run = committedRun();
    expect(tripped(() => run.step(run.nodes[1], { vote: 2 }))).toBe("MONO");
    expect(tripped(() => committedRun().persist(run.nodes[1], { term: 1, vote: 2 }))).toBe("MONO");
  });

  it("trips when a node starts with less than is on its disk", () => {
    for (const less of [{ term: 0 }, { vote: 3 }, { appliedIndex: 0 }]) {
      const run = committedRun();
      run.observer.statePersisted(2, 2, run.trueMs);
      run.observer.died(2);
      Object.assign(run.nodes[1], { boot: 2, ...less });
      expect(tripped(() => run.observer.booted(run.nodes[1], undefined, run.trueMs))).toBe("MONO");
    }
  });

  it("trips when a snapshot takes a node back, and when an entry is left out", () => {
    const run = committedRun();
    const position = { index: 1, term: 1 };
    expect(tripped(() => run.observer.snapshotInstalled(3, position, undefined, run.trueMs))).toBe("MONO");
    const other = committedRun();
    const [node] = other.nodes;
    const outcome = { results: [], changes: [], leasesGranted: [], leasesEnded: [] };
    const apply = () =>
      other.observer.applied(node, other.entry(4, 1), [], outcome, undefined, node.machine, other.trueMs);
    expect(tripped(apply)).toBe("MONO");
  });

  it("trips when a node has not come back at the end to where it was", () => {
    const run = committedRun();
    run.observer.died(2);
    Object.assign(run.nodes[1], { boot: 2, appliedIndex: 0 });
    run.observer.booted(run.nodes[1], undefined, run.trueMs);
    expect(tripped(() => run.finish())).toBe("MONO");
  });
});

describe("DUR", () => {
  it("trips when an entry is committed that is not durable on a quorum", () => {
    const run = committedRun();
    const [one, two] = run.nodes;
    const entry = run.entry(3, 1);
    run.append(one, entry);
    two.log = [...two.log, entry];
    expect(tripped(() => run.step(one, { commitIndex: 3 }))).toBe("DUR");
  });

  it("counts no learner, but a disk that had the entry until a fault destroyed it", () => {
    const run = committedRun();
    run.nodes[0].membership = { voters: [1, 3], learners: [2] };
    for (const node of [run.nodes[0], run.nodes[1]]) run.append(node, run.entry(3, 1));
    expect(tripped(() => run.step(run.nodes[0], { commitIndex: 3 }))).toBe("DUR");
    const other = committedRun();
    for (const node of [other.nodes[0], other.nodes[1]]) other.append(node, other.entry(3, 1));
    other.observer.lost(2, 0);
    expect(tripped(() => other.step(other.nodes[0], { commitIndex: 3 }))).toBeUndefined();
  });

  it("trips when a write or a snapshot destroys a committed entry", () => {
    const run = committedRun();
    expect(tripped(() => run.persist(run.nodes[1], undefined, run.entry(2, 2, "other")))).toBe("DUR");
    const other = committedRun();
    other.append(other.nodes[2], other.entry(3, 1));
    other.append(other.nodes[0], other.entry(3, 1));
    other.step(other.nodes[0], { commitIndex: 3 });
    const position = { index: 2, term: 1 };
    expect(tripped(() => other.observer.snapshotInstalled(3, position, undefined, other.trueMs))).toBe("DUR");
  });

  describe("where a leader of a later term committed what one of before may replace", () => {
    function committedLater(): HandMadeRun {
      const run = committedRun();
      const [one, two] = run.nodes;
      for (const node of run.nodes) run.append(node, run.entry(3, 1));
      for (const node of [one, two]) {
        run.persist(node, { term: 3, vote: 1 });
        run.step(node, { term: 3, vote: 1 });
        run.append(node, run.entry(4, 3));
      }
      run.step(one, { role: "leader", commitIndex: 4 });
      return run;
    }

    it("lets it be replaced where the later one was not heard of", () => {
      const run = committedLater();
      const [, two, three] = run.nodes;
      run.persist(three, { term: 2, vote: 3 });
      expect(tripped(() => run.persist(three, undefined, run.entry(3, 2, "other")))).toBeUndefined();
      run.persist(two, { term: 3, vote: 1 });
      expect(tripped(() => run.persist(two, undefined, run.entry(3, 2, "other")))).toBe("DUR");
    });

    it("or where it was heard of only after the entry was taken, and both are written at once", () => {
      const run = committedLater();
      const [, , three] = run.nodes;
      run.persist(three, { term: 2, vote: 3 });
      const replacing = run.entry(3, 2, "other");
      expect(tripped(() => run.persist(three, { term: 4, vote: 0 }, replacing))).toBeUndefined();
      const late = committedLater();
      late.persist(late.nodes[2], { term: 4, vote: 0 });
      expect(tripped(() => late.persist(late.nodes[2], { term: 4, vote: 0 }, replacing))).toBe("DUR");
    });
  });

  it("trips when the log is cut before the state is on disk", () => {
    const run = committedRun();
    run.observer.statePersisted(1, 1, run.trueMs);
    expect(tripped(() => run.observer.logCut(1, { index: 2, term: 1 }, run.trueMs))).toBe("DUR");
  });

  it("trips when a removal is told that is not committed", () => {
    const run = committedRun();
    expect(tripped(() => run.observer.removalTold(3, run.trueMs))).toBe("DUR");
    const members = [1, 2].map((id) => ({ id, name: `n${id}`, address: `h:${id}`, role: "voter" as const }));
    const other = committedRun();
    const data = encodeConfiguration({ members });
    other.apply(other.nodes[0], { index: 3, term: 1, kind: "configuration", data }, []);
    expect(tripped(() => other.observer.removalTold(2, other.trueMs))).toBe("DUR");
    const third = committedRun();
    third.apply(third.nodes[0], { index: 3, term: 1, kind: "configuration", data }, []);
    expect(tripped(() => third.observer.removalTold(3, third.trueMs))).toBeUndefined();
  });

  it("trips when a node starts without a committed entry that its disk holds", () => {
    const run = committedRun();
    const [, two] = run.nodes;
    run.observer.died(2);
    Object.assign(two, { boot: 2, log: two.log.slice(0, 1), appliedIndex: 1, commitIndex: 1 });
    expect(tripped(() => run.observer.booted(two, undefined, run.trueMs))).toBe("DUR");
  });

  it("trips when a node ends in another state than the changes make", () => {
    const run = committedRun();
    const [one, two] = run.nodes;
    const commands = [command(put("/x", "x"))];
    const outcome = run.apply(one, run.entry(3, 1), commands);
    two.machine.apply(3, 1, []);
    run.observer.applied(two, run.entry(3, 1), commands, outcome, undefined, two.machine, run.trueMs);
    run.observer.died(3);
    expect(tripped(() => run.observer.finish({ healed: [two], healedMs: 0, settledMs: 0, trueMs: 0 }))).toBe(
      "DUR",
    );
  });
});
