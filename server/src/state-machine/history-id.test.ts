import { expect, it } from "vitest";
import { put, TestMachine } from "./machine.test-support.js";

it("has the id of the first command that gave one, whatever others follow", () => {
  const t = new TestMachine();
  expect(t.machine.historyId).toBe("");
  t.run({ kind: "historyId", id: "aa" });
  const { hash } = t.machine;
  t.run({ kind: "historyId", id: "bb" });
  expect(t.machine.historyId).toBe("aa");
  expect(t.machine.hash).toBe(hash);
});

it("is part of the state's hash: two histories of equal keys differ", () => {
  const machines = ["aa", "bb"].map((id) => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    const { hash } = t.machine;
    t.run({ kind: "historyId", id });
    expect(t.machine.hash).not.toBe(hash);
    return t.machine.hash;
  });
  expect(machines[0]).not.toBe(machines[1]);
});

it("is in what goes to the disk once, and in what comes from there", () => {
  const t = new TestMachine();
  t.run({ kind: "historyId", id: "aa" });
  expect(t.machine.takeDelta().historyId).toBe("aa");
  expect(t.machine.takeDelta().historyId).toBeUndefined();
  const other = new TestMachine();
  other.run({ kind: "historyId", id: "aa" });
  other.flush();
  other.run(put("/a", "1"));
  other.flush();
  other.restart();
  expect(other.machine.historyId).toBe("aa");
});
