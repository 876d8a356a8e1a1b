import { describe, expect, it } from "vitest";
import { versionOverheadBytes as overhead } from "./limits.js";
import { del, put, seeded, TestMachine, txn } from "./machine.test-support.js";
import { StateMachine } from "./state-machine.js";

/** "/k" with so many bytes of value. */
const bytesOf = (value: number) => 2 + value + overhead;

function limited(spaceBytesMax: number): TestMachine {
  const t = new TestMachine();
  t.run({ kind: "limits", spaceBytesMax, sessionResultBytesMax: 0 });
  return t;
}

const exceeded = { kind: "error", code: "SPACE_EXCEEDED" };

describe("the space of the store", () => {
  it("counts every retained version, and deletes", () => {
    const t = new TestMachine();
    t.run(put("/k", "12345"));
    expect([t.machine.spaceBytes, t.machine.historyBytes]).toEqual([bytesOf(5), 0]);
    t.run(put("/k", "1"));
    expect([t.machine.spaceBytes, t.machine.historyBytes]).toEqual([bytesOf(5) + bytesOf(1), bytesOf(5)]);
    t.run(del("/k"));
    expect(t.machine.spaceBytes).toBe(bytesOf(5) + bytesOf(1) + bytesOf(0));
    expect(t.machine.historyBytes).toBe(t.machine.spaceBytes);
    t.run(put("/other"));
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.machine.spaceBytes).toBe(6 + overhead);
  });

  it("refuses puts and transactions with one beyond its limit, before anything is applied", () => {
    const t = limited(3 * bytesOf(0));
    t.run(put("/a"));
    t.run(put("/b"));
    const { hash } = t.machine;
    expect(t.run(put("/c", "1"))).toMatchObject(exceeded);
    expect(t.run(txn([], [put("/c"), put("/d"), del("/a")]))).toMatchObject(exceeded);
    expect(t.run(put("/a", "x"))).toMatchObject({
      message: expect.stringContaining(`may take ${3 * bytesOf(0)}`),
    });
    expect(t.machine.hash).toBe(hash);
    expect(t.run(put("/c"))).toMatchObject({ kind: "put" });
  });

  it("lets deletes, leases, compaction and members go on, and clears by itself", () => {
    const t = limited(0);
    const lease = t.lease();
    for (const key of ["/a", "/b", "/c", "/d"]) t.run(put(key, "1234", { lease: key === "/b" ? lease : 0 }));
    t.run({ kind: "limits", spaceBytesMax: 3 * bytesOf(4), sessionResultBytesMax: 0 });
    expect(t.run(put("/a"))).toMatchObject(exceeded);
    expect(t.run(del("/a"))).toMatchObject({ deleted: 1 });
    expect(t.run(txn([], [del("/c")]))).toMatchObject({ kind: "txn" });
    expect(t.run({ kind: "grant", ttlMs: 1_000, lease: 0, session: true })).toMatchObject({ kind: "grant" });
    expect(t.run({ kind: "revoke", lease })).toMatchObject({ kind: "done" });
    expect(t.run(put("/a"))).toMatchObject(exceeded);
    expect(t.run({ kind: "compact", revision: t.machine.revision })).toMatchObject({ kind: "done" });
    expect(t.run(put("/a"))).toMatchObject({ kind: "put" });
  });

  it("does not keep every change out because the last one deleted too much to be compacted alone", () => {
    const t = limited(5 * bytesOf(100));
    for (const key of ["/a", "/b", "/c", "/d", "/e"]) t.run(put(key, "x".repeat(100)));
    expect(t.run(put("/f"))).toMatchObject(exceeded);
    t.run(del("/", { end: "0" }));
    expect(t.run(put("/f"))).toMatchObject(exceeded);
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.machine.spaceBytes).toBeGreaterThan(5 * bytesOf(100));
    t.flush();
    t.restart();
    expect(t.run(put("/f"))).toMatchObject({ kind: "put" });
    // Now it counts again, until it is compacted.
    expect(t.run(put("/g"))).toMatchObject(exceeded);
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.machine.spaceBytes).toBe(bytesOf(0));
  });

  it("knows at which revision it last refused what compaction would cure", () => {
    const t = limited(1_000);
    t.run(put("/a", "v".repeat(400)));
    t.run(put("/b", "v".repeat(300)));
    t.run(del("/b"));
    expect(t.run(put("/c", "v".repeat(300)))).toMatchObject({ code: "SPACE_EXCEEDED" });
    expect(t.machine.curableRefusalRevision).toBe(3);
    t.run(put("/e"));
    expect(t.run(put("/c", "v".repeat(900)))).toMatchObject({ code: "SPACE_EXCEEDED" });
    expect(t.machine.curableRefusalRevision).toBe(3);
    expect(t.run(txn([], [put("/c", "v".repeat(200))]))).toMatchObject({ code: "SPACE_EXCEEDED" });
    expect(t.machine.curableRefusalRevision).toBe(4);
    t.run({ kind: "compact", revision: t.machine.revision });
    t.run(put("/d"));
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.run(put("/c", "v".repeat(300)))).toMatchObject({ kind: "put" });
    t.flush();
    t.restart();
    expect(t.machine.curableRefusalRevision).toBe(0);
  });

  it("is part of the hash: nodes that keep another history would refuse otherwise", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    t.run(put("/a", "2"));
    t.run(put("/a", "3"));
    t.flush();
    const image = t.disk.image();
    const changes = [...image.changes].slice(1);
    expect(() => StateMachine.restore({ ...image, changes }, t.disk)).toThrow("has hash");
    const value = new Uint8Array(2);
    const longer = [...image.changes].map((change) =>
      change.seq === 1 && change.entry !== undefined
        ? { ...change, entry: { ...change.entry, value } }
        : change,
    );
    expect(() => StateMachine.restore({ ...image, changes: longer }, t.disk)).toThrow("has hash");
    expect(StateMachine.restore(image, t.disk).hash).toBe(t.machine.hash);
  });

  it("keeps its limit, in the hash too, across a restart", () => {
    const t = limited(1_000);
    const without = new TestMachine();
    without.run({ kind: "compact", revision: -1 });
    expect(t.machine.hash).not.toBe(without.machine.hash);
    t.flush();
    t.restart();
    expect(t.machine.limits).toEqual({ spaceBytesMax: 1_000, sessionResultBytesMax: 0 });
    t.run({ kind: "limits", spaceBytesMax: 0, sessionResultBytesMax: 0 });
    expect(t.machine.hash).toBe(without.machine.hash);
  });

  it.each([1, 2, 3])("is what the retained changes add up to, on disk too (seed %i)", (seed) => {
    const random = seeded(seed);
    const below = (count: number) => Math.floor(random() * count);
    const t = new TestMachine();
    for (let step = 0; step < 2_000; step += 1) {
      const key = `/k${below(9)}`;
      if (random() < 0.6) t.run(put(key, "v".repeat(below(20))));
      else if (random() < 0.9) t.run(del(key));
      else t.run({ kind: "compact", revision: Math.max(0, t.machine.revision - below(20)) });
      if (random() > 0.05) continue;
      t.flush();
      const changes = [...t.disk.image().changes];
      const bytes = changes.reduce(
        (sum, each) => sum + each.key.length + (each.entry?.value.length ?? 0) + overhead,
        0,
      );
      expect(t.machine.spaceBytes).toBe(bytes);
      const { historyBytes } = t.machine;
      if (random() < 0.3) t.restart();
      expect([t.machine.spaceBytes, t.machine.historyBytes]).toEqual([bytes, historyBytes]);
    }
    t.run({ kind: "compact", revision: t.machine.revision });
    t.run(put("/last"));
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.machine.historyBytes).toBe(0);
  });
});
