import { describe, expect, test } from "vitest";
import { decodeConfiguration } from "./index.js";
import { encode, Network } from "./network.test-support.js";

describe("the configuration that a driver follows", () => {
  test("is the same object until it changes", () => {
    const network = new Network(3);
    const { raft } = network.node(1);
    const { configuration } = raft;
    network.elect(1);
    network.propose(1, "a");
    network.settle();
    expect(raft.configurationIndex).toBe(2);
    expect(raft.configuration).toBe(configuration);
    network.join(4);
    network.addLearner(1, 4);
    expect(raft.configuration).not.toBe(configuration);
  });

  test("is known as of every index of the log, for snapshots", () => {
    const network = new Network(3);
    network.elect(1);
    network.join(4);
    network.addLearner(1, 4);
    network.settle();
    const { raft } = network.node(1);
    expect(raft.configurationAsOf(0).index).toBe(0);
    expect(raft.configurationAsOf(2).configuration.members).toHaveLength(3);
    expect(raft.configurationAsOf(3)).toEqual({ index: 3, configuration: raft.configuration });
  });

  test("is applied like every entry, as the bytes that the log holds", () => {
    const network = new Network(3);
    network.elect(1);
    network.join(4);
    network.addLearner(1, 4);
    network.settle();
    const entry = network.node(4).applied.get(3);
    expect(entry?.kind).toBe("configuration");
    expect(decodeConfiguration(entry?.data ?? encode(""))).toEqual(network.node(1).raft.configuration);
  });

  test("survives a restart at any applied index", () => {
    const network = new Network(3);
    network.elect(1);
    network.join(4);
    network.addLearner(1, 4);
    network.settle();
    network.propose(1, "a");
    network.settle();
    for (const applied of [4, 3, 2, 1, 0]) {
      network.crash(2);
      network.restart(2, applied);
      expect(network.node(2).raft.configurationIndex).toBe(3);
      expect(network.node(2).raft.configuration.members).toHaveLength(4);
    }
  });
});

describe("what a leader knows of the others", () => {
  test("is told: who is a voter, how far it is, and whether it answers", () => {
    const network = new Network(3);
    network.elect(1);
    network.join(4);
    network.addLearner(1, 4);
    network.settle();
    network.crash(3);
    network.tick([1, 2, 4], 12);
    const rows = network.node(1).raft.followers();
    expect(rows.map(({ id, standing, active }) => [id, standing, active])).toEqual([
      [2, "voter", true],
      [3, "voter", false],
      [4, "learner", true],
    ]);
    expect(network.node(2).raft.followers()).toEqual([]);
  });
});

describe("a read that waits for a voter who is removed", () => {
  test("is confirmed by those that are left", () => {
    const network = new Network(2);
    network.elect(1);
    network.crash(2);
    network.node(1).raft.readIndex(7);
    network.work(1);
    expect(network.node(1).reads).toEqual([]);
    network.node(1).raft.changeMembership({ kind: "remove", id: 2 });
    network.work(1);
    expect(network.node(1).reads).toEqual([{ context: 7, index: 2 }]);
  });
});

describe("a driver whose disk is slow", () => {
  test("is handed no entry to apply twice when it takes a Ready before it applied the last one", () => {
    const network = new Network(1);
    network.settle();
    const { raft } = network.node(1);
    for (const text of ["a", "b"]) raft.propose(encode(text));
    const { persist } = raft.ready(1_000);
    const last = persist?.entries.at(-1);
    raft.persisted({ index: last?.index ?? 0, term: last?.term ?? 0 });
    expect(raft.ready(1_000).committed.map(({ index }) => index)).toEqual([3, 4]);
    expect(raft.hasReady).toBe(false);
    raft.propose(encode("c"));
    expect(raft.ready(1_000).committed).toEqual([]);
  });

  test("may report the last of several writes for all of them", () => {
    const network = new Network(1);
    network.settle();
    const { raft } = network.node(1);
    raft.propose(encode("a"));
    raft.ready(1_000);
    raft.propose(encode("b"));
    raft.ready(1_000);
    raft.persisted({ index: 4, term: raft.term });
    expect(raft.status().commitIndex).toBe(4);
  });

  test("is not believed about entries that were replaced by ones like them", () => {
    const network = new Network(3);
    const { raft } = network.node(1);
    const data = encode("x");
    const append = (term: number, entryTerm: number): void =>
      raft.step(term === 2 ? 2 : 3, {
        kind: "appendEntries",
        term,
        previousIndex: 0,
        previousTerm: 0,
        commitIndex: 0,
        entries: [{ index: 1, term: entryTerm, kind: "commands", data }],
      });
    // The entry of term 1 is written, replaced by one of term 2, and comes back with the leader of term 3.
    append(1, 1);
    const first = raft.ready(1_000).persist;
    append(2, 2);
    raft.ready(1_000);
    append(3, 1);
    raft.ready(1_000);
    expect(first?.entries).toHaveLength(1);
    raft.persisted({ index: 1, term: 1 });
    raft.step(3, { kind: "heartbeat", term: 3, commitIndex: 1, readRound: 0, heardTick: undefined });
    expect(raft.ready(1_000).committed).toEqual([]);
    raft.persisted({ index: 1, term: 2 });
    expect(raft.ready(1_000).committed).toEqual([]);
    raft.persisted({ index: 1, term: 1 });
    expect(raft.ready(1_000).committed).toHaveLength(1);
  });
});

describe("a leader that asked for a snapshot to be sent", () => {
  test("does not ask any more when another leads: it would go out in the name of a term that is not its own", () => {
    const network = new Network(3);
    network.elect(1);
    network.isolate(3);
    for (const text of ["a", "b", "c"]) network.propose(1, text);
    network.settle();
    const { raft, storage } = network.node(1);
    raft.cut(storage.cut(4));
    network.heal();
    for (let i = 0; i < 2; i++) raft.tick();
    network.work(1);
    const isAsked = (): boolean => raft.followers().some(({ state }) => state === "snapshot");
    for (let i = 0; i < 20 && !isAsked(); i++) {
      const envelope = network.inTransit.shift();
      if (envelope === undefined) break;
      network.deliver(envelope);
      if (!isAsked()) network.work(envelope.to);
    }
    expect(isAsked()).toBe(true);
    raft.step(2, {
      kind: "requestVote",
      term: 2,
      preVote: false,
      transfer: true,
      lastIndex: 9,
      lastTerm: 1,
    });
    expect(raft.ready(1_000)).toMatchObject({ snapshotsTo: [], term: 2 });
  });
});

describe("a crash right after a snapshot was installed", () => {
  test("leaves a log of a newer term than the hard state; the node starts in that term without a vote", () => {
    const network = new Network(3);
    const node = network.node(1);
    node.storage.hard = { term: 2, vote: 3 };
    node.storage.reset({ index: 5, term: 4 });
    node.appliedIndex = 5;
    network.restart(1, 5);
    expect(node.raft.term).toBe(4);
    expect(node.raft.ready(1_000).persist?.hardState).toEqual({ term: 4, vote: 0 });
  });
});

describe("a follower that lost its disk", () => {
  test("is refused silently by nobody and fed by nobody: what it acknowledged stays believed, and it stays behind", () => {
    const network = new Network(3);
    network.elect(1);
    network.propose(1, "a");
    network.settle();
    network.crash(3);
    const node = network.node(3);
    node.storage.reset({ index: 0, term: 0 });
    node.storage.hard = { term: 0, vote: 0 };
    network.restart(3, 0);
    const sent: string[] = [];
    const { lost } = network;
    network.lost = (envelope) => {
      if (envelope.from === 1 && envelope.to === 3) sent.push(envelope.message.kind);
      return lost(envelope);
    };
    network.propose(1, "b");
    network.tick([1], 10);
    expect(node.raft.status().lastIndex).toBe(0);
    // A heartbeat and a message for each of its answers, not a loop.
    expect(sent.length).toBeLessThan(20);
  });
});
