import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SetMember } from "../state-machine/command.js";
import { bytes, compare, del, put, range, TestMachine, txn } from "../state-machine/machine.test-support.js";
import { StateMachine } from "../state-machine/state-machine.js";
import { UnusableDataDirectory } from "./errors.js";
import { openDatabase } from "./sqlite.js";
import { HISTORY_ID_STATE_FORMAT, STATE_FORMAT, StateStore } from "./state-store.js";

let directory: string;
let file: string;
let store: StateStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-state-"));
  file = join(directory, "state.db");
  store = StateStore.open(file);
});

afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true, force: true });
});

function reopen(): StateMachine {
  store.close();
  store = StateStore.open(file);
  const image = store.load();
  if (image === undefined) throw new Error("nothing was stored");
  return StateMachine.restore(image, store);
}

function formatOfFile(): unknown {
  const db = openDatabase(file);
  try {
    return db.pragma("user_version", { simple: true });
  } finally {
    db.close();
  }
}

function changesOf(machine: StateMachine): Iterable<unknown> {
  const changes = machine.history({ key: "/a", from: 0, to: 0 });
  if ("kind" in changes) throw new Error(changes.message);
  return changes;
}

const n1: SetMember = {
  kind: "member",
  memberId: 2 ** 52 + 1,
  name: "n1",
  peerAddress: "127.0.0.1:7401",
  clientEndpoint: "127.0.0.1:7400",
  format: 1,
  incarnation: "00ff",
};

describe("state store", () => {
  it("has nothing at first", () => {
    expect(store.load()).toBeUndefined();
    expect(store.meta()).toBeUndefined();
    expect(store.change(1)).toBeUndefined();
    expect(store.changesFrom(1, 10)).toEqual([]);
  });

  it("keeps every change of the compacted revision with what was before it, across restarts and copies", async () => {
    const t = new TestMachine();
    t.run(put("/changed", "1"));
    t.run(put("/deleted", "1"));
    t.run(put("/changed", "2"));
    t.run(txn([], [put("/changed", "3"), del("/deleted"), put("/new", "1")]));
    t.run(put("/changed", "4"));
    t.run(del("/new"));
    t.run({ kind: "compact", revision: 4 });
    store.write(t.machine.takeDelta());
    const copied = join(directory, "copy.db");
    await store.backup(copied);
    const copy = StateStore.open(copied);
    const image = copy.load();
    if (image === undefined) throw new Error("nothing was copied");
    const expected = [
      ["/changed", "3", "2"],
      ["/deleted", undefined, "1"],
      ["/new", "1", undefined],
    ];
    const text = (value: Uint8Array | undefined): string | undefined =>
      value === undefined ? undefined : Buffer.from(value).toString();
    const check = (machine: StateMachine, disk: StateStore): void => {
      const { changeLog } = machine;
      expect(changeLog.firstRevision).toBeLessThanOrEqual(4);
      const logged = changeLog
        .from(4, 3)
        .map((made) => [made.key, text(made.entry?.value), text(made.previous?.value)]);
      expect(logged).toEqual(expected);
      // What is read from disk does not say what was before: that is found by the key.
      const read = disk
        .changesFrom(4, 3)
        .map(({ key, entry }) => [key, text(entry?.value), text(machine.previousOf(key, 4)?.value)]);
      expect(read).toEqual(expected);
    };
    check(t.machine, store);
    check(reopen(), store);
    check(StateMachine.restore(image, copy), copy);
    copy.close();
  });

  it("brings a whole state back, equal in hash and in every read", () => {
    const t = new TestMachine();
    const session = t.session();
    const key = "/\xc3\xa4\xff\0";
    t.run(put(key, "old\0\xff"));
    t.run(put(key, "", { lease: session }));
    t.run(put("/gone"));
    t.run(del("/gone"));
    t.run(n1);
    t.machine.apply(7, 1, [], Uint8Array.of(1, 2, 3));
    store.write(t.machine.takeDelta());
    const restored = reopen();
    expect(restored.hash).toBe(t.machine.hash);
    expect([restored.configurationIndex, [...restored.configuration]]).toEqual([7, [1, 2, 3]]);
    expect(restored.members()).toEqual([n1]);
    for (let revision = 1; revision <= t.machine.revision; revision += 1) {
      const read = range("/", { end: "", revision });
      expect(restored.read(read)).toEqual(t.machine.read(read));
    }
    expect(store.meta()).toMatchObject({ appliedIndex: 7, appliedTerm: 1, revision: 4, lastSeq: 4 });
  });

  it("brings back more changes than are read at once, large values and deletes among them", () => {
    const t = new TestMachine();
    for (let i = 0; i < 700; i += 1) {
      // Of every size around the one above which a value is read by itself.
      t.run(put(`/k/\xe9${i % 300}`, "\xff\0v".repeat(i % 7 === 0 ? 1_300 + (i % 140) : i % 11)));
      if (i % 13 === 0) t.run(del(`/k/\xe9${(i * 7) % 300}`));
    }
    store.write(t.machine.takeDelta());
    const restored = reopen();
    expect(restored.hash).toBe(t.machine.hash);
    for (const revision of [1, 255, 256, 257, 512, t.machine.revision]) {
      const read = range("/", { end: "", revision });
      expect(restored.read(read)).toEqual(t.machine.read(read));
    }
  });

  it("keeps every kind of result that a session may ask for again", () => {
    const t = new TestMachine();
    const session = t.session();
    t.run(put("/d/a/x", "1"));
    const children = range("/d/", { end: "/d0", childrenOf: "/d/" });
    const bodies = [
      put("/q", "2", { sequential: true, returnPrevious: true }),
      put("/d/a/x", "3", { returnPrevious: true }),
      put("/b", "", { lease: 99 }),
      txn(
        [compare("/b", "version", "equal", 0)],
        [range("/d", { end: "/e", limit: 1 }), children, del("/q")],
      ),
      del("/d", { subtree: true, returnPrevious: true }),
      { kind: "grant", ttlMs: 1_000, lease: 0, session: false } as const,
      { kind: "revoke", lease: 2 } as const,
      { kind: "compact", revision: 99 } as const,
      { kind: "compact", revision: 2 } as const,
      { kind: "compact", revision: 2 } as const,
    ];
    const results = bodies.map((body, at) => t.on(session, at + 1, body));
    expect(results.map(({ kind }) => kind)).toEqual([
      "put",
      "put",
      "error",
      "txn",
      "delete",
      "grant",
      "done",
      "error",
      "done",
      "error",
    ]);
    store.write(t.machine.takeDelta());
    const restored = reopen();
    const again = bodies.map((body, at) => {
      const command = { sessionId: session, sequence: at + 1, lowestPending: 1, fence: undefined, body };
      return restored.apply(restored.appliedIndex + 1, 1, [command]).results[0];
    });
    expect(again).toEqual(results);
  });

  it("keeps quotas and limits", () => {
    const t = new TestMachine();
    t.run(put("/a/b", "value"));
    store.write(t.machine.takeDelta());
    t.run({ kind: "quota", key: "", keysMax: 0, bytesMax: 2 ** 52 });
    t.run({ kind: "quota", key: "/\xc3\xa4", keysMax: 1, bytesMax: 0 });
    t.run({ kind: "quota", key: "/a", keysMax: 5, bytesMax: 6 });
    t.run({ kind: "quota", key: "/a", keysMax: 7, bytesMax: 8 });
    t.run({ kind: "limits", spaceBytesMax: 2 ** 52, sessionResultBytesMax: 9 });
    store.write(t.machine.takeDelta());
    const restored = reopen();
    expect(restored.quotas()).toEqual(t.machine.quotas());
    expect(restored.quotas()).toMatchObject([{ keys: 1, bytes: 9 }, { keysMax: 7, keys: 1 }, { keys: 0 }]);
    expect(restored.limits).toEqual({ spaceBytesMax: 2 ** 52, sessionResultBytesMax: 9 });
    expect(restored.hash).toBe(t.machine.hash);
  });

  it("keeps the history's id, and has the format that older versions refuse from then on", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    store.write(t.machine.takeDelta());
    expect(reopen().historyId).toBe("");
    expect(formatOfFile()).toBe(STATE_FORMAT);
    t.run({ kind: "historyId", id: "0123456789abcdef" });
    store.write(t.machine.takeDelta());
    const restored = reopen();
    expect(restored.historyId).toBe("0123456789abcdef");
    expect(restored.hash).toBe(t.machine.hash);
    expect(formatOfFile()).toBe(HISTORY_ID_STATE_FORMAT);
  });

  it("removes leases that ended, and keeps one that began anew", () => {
    const t = new TestMachine();
    t.lease({ lease: 5 });
    t.lease({ lease: 6 });
    store.write(t.machine.takeDelta());
    t.run({ kind: "revoke", lease: 5 });
    t.run({ kind: "revoke", lease: 6 });
    t.lease({ lease: 6, ttlMs: 77 });
    store.write(t.machine.takeDelta());
    const restored = reopen();
    expect([...restored.allLeases()].map(({ id, ttlMs }) => [id, ttlMs])).toEqual([[6, 77]]);
  });

  it("forgets what compaction forgot, also when it was never written", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    store.write(t.machine.takeDelta());
    for (let i = 2; i <= 5; i += 1) t.run(put("/a", String(i)));
    t.run({ kind: "compact", revision: 5 });
    store.write(t.machine.takeDelta());
    expect(store.change(1)).toBeUndefined();
    expect(store.change(3)).toBeUndefined();
    expect(store.change(5)?.entry?.value).toEqual(bytes("5"));
    expect(reopen().hash).toBe(t.machine.hash);
  });

  it("finds changes by revision, whole revisions only, across gaps", () => {
    const t = new TestMachine();
    for (let i = 0; i < 40; i += 1) t.run(put("/a", String(i)));
    t.run(txn([], [put("/x"), put("/y"), put("/z")]));
    t.run(put("/a", "last"));
    t.run({ kind: "compact", revision: 30 });
    store.write(t.machine.takeDelta());
    const found = (revision: number, limit: number) =>
      store.changesFrom(revision, limit).map((change) => [change.revision, change.key]);
    expect(found(1, 1)).toEqual([[29, "/a"]]);
    expect(found(38, 2)).toEqual([
      [38, "/a"],
      [39, "/a"],
    ]);
    const atomic = [
      [41, "/x"],
      [41, "/y"],
      [41, "/z"],
    ];
    expect(found(41, 1)).toEqual(atomic);
    expect(found(41, 4)).toEqual([...atomic, [42, "/a"]]);
    expect(found(43, 10)).toEqual([]);
    expect(store.changesFrom(30, 1_000)).toEqual(
      t.machine.changeLog.from(30, 1_000).map((change) => ({ ...change, previous: undefined })),
    );
  });

  it("serves old versions to a state machine whose change log has moved on", () => {
    const machine = new StateMachine(store);
    let index = 0;
    const apply = (key: string, value: string) => {
      index += 1;
      const body = put(key, value);
      machine.apply(index, 1, [{ sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body }]);
    };
    apply("/a", "first");
    for (let i = 0; i < 20_000; i += 1) apply("/b", "x");
    store.write(machine.takeDelta());
    machine.changeLog.trim(machine.lastSeq);
    apply("/a", "second");
    expect(machine.changeLog.bySeq(1)).toBeUndefined();
    expect(machine.read(range("/a", { revision: 1 }))).toMatchObject({
      entries: [{ entry: { version: 1 } }],
    });
  });

  it("is copied whole while it is in use", async () => {
    const t = new TestMachine();
    for (let i = 0; i < 2_000; i += 1) t.run(put(`/k${i}`, "x".repeat(500)));
    store.write(t.machine.takeDelta());
    const copyFile = join(directory, "copy.db");
    const copying = store.backup(copyFile);
    t.run(put("/meanwhile", "x"));
    store.write(t.machine.takeDelta());
    await copying;
    const copy = StateStore.open(copyFile);
    try {
      const image = copy.load();
      if (image === undefined) throw new Error("the copy is empty");
      const restored = StateMachine.restore(image, copy);
      expect(restored.keyCount).toBeGreaterThanOrEqual(2_000);
      expect(restored.hash).toBe(image.meta.hash);
    } finally {
      copy.close();
    }
  });

  it("commits with an fsync, in write-ahead mode", () => {
    const db = openDatabase(join(directory, "other.db"));
    try {
      expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
      expect(db.pragma("synchronous", { simple: true })).toBe(2);
    } finally {
      db.close();
    }
  });

  describe("when what is on disk is altered", () => {
    /** Changes of one key, of which only the last is current, a delete among them, and one too large for a page. */
    function write(): TestMachine {
      const t = new TestMachine();
      const session = t.session();
      t.run(put("/a", "first"));
      t.run(put("/a", "x".repeat(10_000)));
      t.run(del("/a"));
      t.on(session, 1, put("/a", ""));
      store.write(t.machine.takeDelta());
      return t;
    }

    function alter(statement: string): void {
      const db = openDatabase(file);
      db.exec(statement);
      db.close();
    }

    const ofChange = (seq: number) => `${file}: change ${seq} does not match its checksum`;

    it.each([
      [1, "revision = 0"],
      [1, "key = x'2f62'"],
      [1, "put = 0"],
      [1, "value = x'6669727375'"],
      [1, "value = x''"],
      [1, "create_revision = 2"],
      [1, "version = 2"],
      [1, "lease = 1"],
      [1, "checksum = checksum + 1"],
      // A character of the key goes over to the value, and the bytes after one another are the same.
      [1, "key = x'2f', value = x'616669727374'"],
      [2, "value = zeroblob(10000)"],
      [3, "key = x'2f62'"],
      [4, "value = x'00'"],
    ])("finds in change %d that %s, at the start and where it is read", (seq, what) => {
      write();
      store.close();
      alter(`UPDATE change SET ${what} WHERE seq = ${seq}`);
      expect(() => reopen()).toThrow(ofChange(seq));
      expect(() => store.change(seq)).toThrow(ofChange(seq));
      expect(() => store.changesFrom(1, 10)).toThrow(ofChange(seq));
    });

    it("serves no older version that was altered after the start", () => {
      write();
      const restored = reopen();
      alter("UPDATE change SET value = x'6669727375' WHERE seq = 1");
      restored.changeLog.restart(restored.revision + 1);
      expect(() => restored.read(range("/a", { revision: 1 }))).toThrow(ofChange(1));
      expect(() => [...changesOf(restored)]).toThrow(ofChange(1));
      expect(() => store.changesFrom(1, 1)).toThrow(ofChange(1));
      expect(restored.read(range("/a", { revision: 2 }))).toMatchObject({ entries: [{ key: "/a" }] });
    });

    it("finds what is altered in the numbers of the state and in the results of a session", () => {
      write();
      store.close();
      alter("UPDATE meta SET applied_index = applied_index - 1");
      expect(() => reopen()).toThrow(`${file}: the numbers of the state do not match their checksum`);
      alter("UPDATE meta SET applied_index = applied_index + 1");
      expect(reopen().revision).toBe(4);
      alter("UPDATE lease SET record = x''");
      expect(() => reopen()).toThrow(`${file}: lease 1 does not match its checksum`);
    });
  });

  it("refuses a format it does not know", () => {
    store.close();
    const db = openDatabase(file);
    db.pragma("user_version = 3");
    db.close();
    expect(() => StateStore.open(file)).toThrow(UnusableDataDirectory);
    expect(() => StateStore.open(file)).toThrow("state format 3");
  });

  it("refuses a file that is no database", () => {
    const other = join(directory, "text.db");
    writeFileSync(other, "this is not a database, but it is long enough to look like a header ".repeat(20));
    expect(() => StateStore.open(other)).toThrow("not a database");
  });
});
