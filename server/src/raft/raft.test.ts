import { describe, expect, test } from "vitest";
import { type Envelope, encode, isKind, Network } from "./network.test-support.js";

/** Three nodes that were stopped with a log of which nothing was applied: it is in their storage, not in memory. */
function restarted(): Network {
  const network = new Network(3);
  network.elect(1);
  network.propose(1, "before");
  network.settle();
  for (const id of network.nodes.keys()) network.restart(id, 0);
  return network;
}

describe("elections", () => {
  test("a node whose timer runs out first is elected and commits a no-op and the initial configuration (paper, 5.2 and 8)", () => {
    const network = new Network(3);
    network.elect(1);
    expect(network.node(1).raft.status()).toMatchObject({ role: "leader", term: 1, commitIndex: 2 });
    expect(network.node(2).raft.status()).toMatchObject({ role: "follower", leader: 1, term: 1 });
  });

  test("a candidate whose log is behind is refused (paper, 5.4.1)", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    network.propose(1, "a");
    network.settle();
    network.crash(1);
    network.heal();
    network.tick([3], 40);
    expect(network.node(3).raft.isLeader).toBe(false);
    network.tick([2, 3], 40);
    expect(network.node(2).raft.isLeader).toBe(true);
    expect(network.commands(3)).toEqual(["a"]);
  });

  test("a node back from a partition neither raises the term nor deposes the leader (thesis, 9.6)", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    network.tick([1, 2, 3], 60);
    expect(network.node(3).raft.term).toBe(1);
    network.heal();
    network.tick([1, 2, 3], 10);
    expect(network.node(1).raft.status()).toMatchObject({ role: "leader", term: 1 });
    expect(network.node(3).raft.leader).toBe(1);
  });

  test("a leader cut off from a majority steps down (thesis, 6.2)", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(1);
    network.tick([1], 25);
    expect(network.node(1).raft.isLeader).toBe(false);
  });

  test("the same vote received twice counts once", () => {
    const network = new Network(5);
    network.lost = ({ to, message }) => message.kind === "requestVote" && !message.preVote && to > 2;
    for (let i = 0; i < 20 && network.node(1).raft.term === 0; i++) network.tick([1]);
    expect(network.node(1).raft.status().role).toBe("candidate");
    const vote = { kind: "requestVoteResult", term: 1, preVote: false, granted: true } as const;
    network.node(1).raft.step(2, vote);
    network.node(1).raft.step(2, vote);
    expect(network.node(1).raft.isLeader).toBe(false);
    network.node(1).raft.step(3, vote);
    expect(network.node(1).raft.isLeader).toBe(true);
  });

  test("a vote of an older term is not counted", () => {
    const network = new Network(3);
    network.lost = ({ message }) => message.kind === "requestVote" && !message.preVote;
    for (let i = 0; i < 60 && network.node(1).raft.term < 2; i++) network.tick([1]);
    expect(network.node(1).raft.term).toBe(2);
    network.node(1).raft.step(2, { kind: "requestVoteResult", term: 1, preVote: false, granted: true });
    expect(network.node(1).raft.isLeader).toBe(false);
  });

  test("a pre-vote that was asked for in another term is not counted", () => {
    const network = new Network(5);
    const { raft } = network.node(1);
    network.lost = isKind("requestVote");
    raft.step(2, { kind: "heartbeat", term: 1, commitIndex: 0, readRound: 0, heardTick: undefined });
    network.tick([1], 20);
    expect(raft.status()).toMatchObject({ role: "preCandidate", term: 1 });
    const granted = { kind: "requestVoteResult", preVote: true, granted: true } as const;
    raft.step(3, { ...granted, term: 1 });
    raft.step(4, { ...granted, term: 2 });
    expect(raft.status().role).toBe("preCandidate");
    raft.step(3, { ...granted, term: 2 });
    expect(raft.status()).toMatchObject({ role: "candidate", term: 2 });
  });

  test("a candidate whose log is replaced by a snapshot does not count votes for its old one", () => {
    const network = new Network(3);
    const { raft } = network.node(1);
    network.lost = ({ message }) => message.kind === "requestVote" && !message.preVote;
    for (let i = 0; i < 60 && raft.term < 2; i++) network.tick([1]);
    expect(raft.status()).toMatchObject({ role: "candidate", term: 2 });
    const configuration = raft.configurationAsOf(0);
    raft.step(2, { kind: "installSnapshot", term: 1, lastIndex: 5, lastTerm: 1, configuration });
    expect(raft.status()).toMatchObject({ role: "follower", term: 2, commitIndex: 5 });
    raft.step(3, { kind: "requestVoteResult", term: 2, preVote: false, granted: true });
    expect(raft.isLeader).toBe(false);
  });

  test("a vote is not sent before it is durable", () => {
    const network = new Network(3);
    network.node(1).raft.step(2, {
      kind: "requestVote",
      term: 1,
      preVote: false,
      transfer: false,
      lastIndex: 0,
      lastTerm: 0,
    });
    const ready = network.node(1).raft.ready(1_000);
    expect(ready.messages).toEqual([]);
    expect(ready.persist?.hardState).toEqual({ term: 1, vote: 2 });
    expect(ready.afterPersist).toMatchObject([{ to: 2, message: { granted: true } }]);
  });

  test("a node votes once in a term, also after a restart", () => {
    const network = new Network(3);
    const request = {
      kind: "requestVote",
      term: 1,
      preVote: false,
      transfer: false,
      lastIndex: 0,
      lastTerm: 0,
    } as const;
    network.node(1).raft.step(2, request);
    network.work(1);
    network.restart(1);
    network.inTransit = [];
    network.node(1).raft.step(3, request);
    network.work(1);
    expect(network.inTransit).toMatchObject([{ to: 3, message: { granted: false } }]);
  });
});

describe("replication", () => {
  test("an entry is applied everywhere, in order, and once", () => {
    const network = new Network(3);
    network.elect(1);
    for (const text of ["a", "b", "c"]) network.propose(1, text);
    network.settle();
    for (const id of [1, 2, 3]) expect(network.commands(id)).toEqual(["a", "b", "c"]);
  });

  test("the leader counts its own copy only once it is durable", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    network.propose(1, "a");
    const ready = network.node(1).raft.ready(1_000);
    for (const { to, message } of ready.messages) if (to === 2) network.node(2).raft.step(1, message);
    network.work(2);
    for (const envelope of network.inTransit) network.deliver(envelope);
    expect(network.node(1).raft.status().commitIndex).toBe(2);
    const entry = ready.persist?.entries[0];
    expect(entry).toBeDefined();
    network.node(1).storage.write(undefined, ready.persist?.entries ?? []);
    network.node(1).raft.persisted({ index: entry?.index ?? 0, term: entry?.term ?? 0 });
    expect(network.node(1).raft.status().commitIndex).toBe(3);
  });

  test("an acknowledgement is not sent before the entries are durable", () => {
    const network = new Network(3);
    network.elect(1);
    network.propose(1, "a");
    for (const { to, message } of network.node(1).raft.ready(1_000).messages) {
      if (to === 2) network.node(2).raft.step(1, message);
    }
    const ready = network.node(2).raft.ready(1_000);
    expect(ready.messages).toEqual([]);
    expect(ready.persist?.entries).toHaveLength(1);
    expect(ready.afterPersist).toMatchObject([{ to: 1, message: { kind: "appendEntriesResult", index: 3 } }]);
  });

  test("an entry of an older term is not committed by counting copies (paper, Figure 8)", () => {
    const network = new Network(3);
    network.elect(1);
    network.lost = isKind("appendEntries");
    network.propose(1, "old");
    network.settle();
    network.crash(1);
    network.restart(1);
    network.lost = () => true;
    network.tick([1], 20);
    network.lost = ({ message }) =>
      message.kind === "appendEntries" && message.entries.some(({ kind }) => kind === "noop");
    network.elect(1);
    expect(network.node(1).raft.term).toBe(2);
    expect(network.node(1).raft.status().commitIndex).toBeLessThan(3);
    network.heal();
    network.tick([1], 4);
    expect(network.commands(2)).toEqual(["old"]);
  });

  test("a deposed leader's uncommitted entries are replaced (paper, 5.3)", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(1);
    network.propose(1, "lost");
    network.settle();
    network.elect(2);
    network.propose(2, "kept");
    network.settle();
    network.heal();
    network.tick([2], 6);
    for (const id of [1, 2, 3]) expect(network.commands(id)).toEqual(["kept"]);
  });

  test("a stale AppendEntries does not shorten the log", () => {
    const network = new Network(3);
    network.elect(1);
    const stale = { previousIndex: 1, previousTerm: 1, commitIndex: 1, entries: [], term: 1 };
    network.propose(1, "a");
    network.settle();
    network.node(2).raft.step(1, { kind: "appendEntries", ...stale });
    expect(network.node(2).raft.status().lastIndex).toBe(3);
  });

  test("a follower's commit index stays within what the message vouches for", () => {
    const network = new Network(3);
    const old = { index: 1, term: 1, kind: "commands", data: encode("x") } as const;
    network.node(2).raft.step(1, {
      kind: "appendEntries",
      term: 1,
      previousIndex: 0,
      previousTerm: 0,
      commitIndex: 0,
      entries: [old],
    });
    network.work(2);
    network.node(2).raft.step(3, {
      kind: "appendEntries",
      term: 2,
      previousIndex: 0,
      previousTerm: 0,
      commitIndex: 1,
      entries: [],
    });
    expect(network.node(2).raft.status().commitIndex).toBe(0);
  });

  test("a follower that missed entries catches up although messages were lost", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    for (let i = 0; i < 50; i++) {
      network.propose(1, `v${i}`);
      network.settle();
    }
    network.heal();
    network.tick([1], 8);
    expect(network.commands(3)).toEqual(network.commands(1));
    expect(network.commands(3)).toHaveLength(50);
  });

  test("a follower that needs entries that were cut gets a snapshot (paper, 7)", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    for (let i = 0; i < 20; i++) network.propose(1, `v${i}`);
    network.settle();
    const leader = network.node(1);
    leader.raft.cut(leader.storage.cut(15));
    network.heal();
    network.tick([1], 10);
    expect(network.commands(3)).toEqual(network.commands(1));
    expect(network.node(3).storage.position.index).toBeGreaterThanOrEqual(15);
  });

  test("a snapshot that is behind the log is ignored", () => {
    const network = new Network(3);
    network.elect(1);
    for (let i = 0; i < 5; i++) network.propose(1, `v${i}`);
    network.settle();
    network.node(2).raft.step(1, {
      kind: "installSnapshot",
      term: 1,
      lastIndex: 3,
      lastTerm: 1,
      configuration: network.node(1).raft.configurationAsOf(3),
    });
    network.settle();
    expect(network.node(2).raft.status()).toMatchObject({ lastIndex: 7, appliedIndex: 7 });
  });

  test("proposals beyond the bound on uncommitted bytes are refused", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(1);
    for (let i = 0; i < 10; i++) network.propose(1, "x".repeat(1_000));
    expect(network.node(1).raft.propose(encode("x".repeat(1_000)))).toEqual({
      accepted: false,
      reason: "overloaded",
    });
  });

  test("what a new leader finds uncommitted counts, be it of before its restart or of after it", () => {
    const network = restarted();
    network.lost = isKind("appendEntriesResult");
    network.elect(2);
    for (let i = 0; i < 5; i++) network.propose(2, "x".repeat(10));
    network.tick([1, 2, 3], 3);
    expect(network.node(1).raft.status()).toMatchObject({ commitIndex: 0, lastIndex: 9 });
    network.crash(2);
    network.elect(1);
    network.heal();
    network.tick([1, 3], 5);
    expect(network.commands(1)).toHaveLength(6);
    expect(network.node(1).raft.propose(encode("y".repeat(20_000))).accepted).toBe(true);
  });

  test("a member is silent when a leader has led for an election timeout and heard nothing of it", () => {
    const network = new Network(3);
    network.elect(1);
    const { raft } = network.node(1);
    expect([raft.isSilent(2), raft.isSilent(3), network.node(2).raft.isSilent(3)]).toEqual([
      false,
      false,
      false,
    ]);
    network.isolate(3);
    network.tick([1, 2], 9);
    expect(raft.isSilent(3)).toBe(false);
    network.tick([1, 2], 2);
    expect([raft.isSilent(2), raft.isSilent(3)]).toEqual([false, true]);
    // Of a leader that has just been elected nobody can say so yet.
    raft.transferLeadership(2);
    network.settle();
    expect(network.node(2).raft.isLeader).toBe(true);
    expect(network.node(2).raft.isSilent(3)).toBe(false);
    network.tick([1, 2], 11);
    expect([network.node(2).raft.isSilent(3), raft.isSilent(3)]).toEqual([true, false]);
  });

  test("nothing counts as uncommitted once all is committed, be it of before a restart or of after it", () => {
    const network = restarted();
    // The new leader's first commit covers entries that only its storage has, and others that its memory has.
    network.lost = isKind("appendEntriesResult");
    network.elect(1);
    for (let i = 0; i < 5; i++) network.propose(1, "x".repeat(10));
    network.settle();
    network.heal();
    network.tick([1, 2, 3], 5);
    expect(network.commands(1)).toHaveLength(6);
    // More than the bound: taken only by a leader with nothing uncommitted.
    expect(network.node(1).raft.propose(encode("y".repeat(20_000))).accepted).toBe(true);
  });
});

describe("a transfer that was given up (thesis, 3.10)", () => {
  test("certainly came to nothing when its target was never told to stand", () => {
    const network = new Network(3);
    network.elect(1);
    const { raft } = network.node(1);
    network.isolate(3);
    network.propose(1, "a");
    network.settle();
    raft.transferLeadership(3);
    network.settle();
    expect(raft.cannotTakeOver(3)).toBe(false);
    network.tick([1, 2], 15);
    expect(raft.isLeader).toBe(true);
    expect(raft.cannotTakeOver(3)).toBe(true);
  });

  test("may still succeed in its term once its target was told, however long ago that was", () => {
    const network = new Network(3);
    network.elect(1);
    const { raft } = network.node(1);
    const late: Envelope[] = [];
    network.lost = (envelope) => {
      if (envelope.message.kind !== "timeoutNow") return false;
      late.push(envelope);
      return true;
    };
    raft.transferLeadership(3);
    network.settle();
    network.tick([1, 2, 3], 30);
    expect(raft.status()).toMatchObject({ role: "leader", term: 1 });
    expect([raft.cannotTakeOver(2), raft.cannotTakeOver(3)]).toEqual([true, false]);
    const [told] = late;
    if (told === undefined) throw new Error("node 3 was not told to stand");
    network.node(3).raft.step(told.from, told.message);
    network.settle();
    expect(network.node(3).raft.isLeader).toBe(true);
    expect(raft.cannotTakeOver(2)).toBe(false);
  });
});

describe("reads (thesis, 6.4)", () => {
  test("are confirmed by a round of heartbeats", () => {
    const network = new Network(3);
    network.elect(1);
    network.node(1).raft.readIndex(7);
    network.work(1);
    expect(network.node(1).reads).toEqual([]);
    network.settle();
    expect(network.node(1).reads).toEqual([{ context: 7, index: 2 }]);
  });

  test("are not confirmed by answers to heartbeats sent before the read", () => {
    const network = new Network(3);
    network.elect(1);
    network.node(1).raft.readIndex(1);
    network.work(1);
    const answers = network.inTransit.map(({ to }) => to);
    expect(answers.sort()).toEqual([2, 3]);
    for (const envelope of network.inTransit.splice(0)) network.deliver(envelope);
    network.node(1).raft.readIndex(2);
    network.lost = isKind("heartbeat");
    network.settle();
    expect(network.node(1).reads).toEqual([{ context: 1, index: 2 }]);
  });

  test("wait for the term's first commit", () => {
    const network = new Network(3);
    network.lost = isKind("appendEntriesResult");
    network.elect(1);
    network.node(1).raft.readIndex(1);
    network.settle();
    expect(network.node(1).reads).toEqual([]);
    network.heal();
    network.tick([1], 4);
    expect(network.node(1).reads).toEqual([{ context: 1, index: 1 }]);
  });

  test("of a follower go through the leader", () => {
    const network = new Network(3);
    network.elect(1);
    network.node(3).raft.readIndex(9);
    network.settle();
    expect(network.node(3).reads).toEqual([{ context: 9, index: 2 }]);
  });

  test("of a leader that was cut off are refused when it steps down", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(1);
    network.node(1).raft.readIndex(3);
    network.tick([1], 25);
    expect(network.node(1).reads).toEqual([{ context: 3, index: undefined }]);
  });
});
