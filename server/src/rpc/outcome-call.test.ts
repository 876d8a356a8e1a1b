import { type OutcomeResponse, Verdict } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import type { Done } from "../node/proposals.js";
import type { Command } from "../state-machine/index.js";
import { del, put, range, TestMachine, txn } from "../state-machine/machine.test-support.js";
import { type Told, tellOutcome } from "./outcome-call.js";

/** Asks as a client does, of a state machine that applies at once. */
function ask(machine: TestMachine, sessionId: number, sequence: number): Told {
  const answers: Told[] = [];
  const submit = (asked: Command, done: Done): void => done(machine.command(asked));
  const $typeName = "quorate.v1.OutcomeRequest";
  const request = { $typeName, sessionId: BigInt(sessionId), sequence: BigInt(sequence) } as const;
  tellOutcome({ submit }, request, (answer) => answers.push(answer));
  const [answer] = answers;
  if (answer === undefined || answers.length > 1) throw new Error(`${answers.length} answers`);
  return answer;
}

function told(machine: TestMachine, sessionId: number, sequence: number): OutcomeResponse {
  const answer = ask(machine, sessionId, sequence);
  if (answer.kind === "failed") throw new Error(answer.problem.message);
  return answer.response;
}

describe("the outcome of a mutation", () => {
  it("is its result, where it was applied, and asking again changes nothing", () => {
    const machine = new TestMachine();
    const session = machine.session();
    machine.on(session, 1, put("/a", "1"));
    machine.on(session, 2, del("/a"));
    machine.on(session, 3, txn([], [put("/b"), range("/b"), txn([], [range("/b")])]));
    const { hash } = machine.machine;
    const results = [1, 2, 3].map((sequence) => told(machine, session, sequence));
    expect(results.map(({ verdict }) => verdict)).toEqual(Array(3).fill(Verdict.APPLIED));
    expect(results[0]?.result?.result).toMatchObject({ case: "put", value: { revision: 1n, path: "/a" } });
    expect(results[1]?.result?.result).toMatchObject({ case: "delete", value: { deleted: 1n } });
    expect(results[2]?.result?.result).toMatchObject({
      case: "txn",
      value: {
        results: [
          { result: { case: "put" } },
          { result: { case: "list", value: { nodes: [{ path: "/b" }] } } },
          { result: { case: "txn", value: { results: [{ result: { case: "list" } }] } } },
        ],
      },
    });
    expect(machine.machine.hash).toBe(hash);
  });

  it("is that it was not applied, and then a copy that comes late is not either", () => {
    const machine = new TestMachine();
    const session = machine.session();
    const { verdict, refusal } = told(machine, session, 5);
    expect([verdict, refusal]).toEqual([Verdict.NOT_APPLIED, undefined]);
    expect(machine.on(session, 5, put("/a", "1"))).toMatchObject({ kind: "error" });
    expect(machine.text("/a")).toBeUndefined();
    expect(machine.machine.revision).toBe(0);
  });

  it("names the refusal, where the mutation itself was refused", () => {
    const machine = new TestMachine();
    const session = machine.session();
    machine.on(session, 1, put("/a", "1", { lease: 999 }));
    const { verdict, refusal } = told(machine, session, 1);
    expect(verdict).toBe(Verdict.NOT_APPLIED);
    expect(refusal?.message).toMatch(/lease 999/);
  });

  it("does not acknowledge what the client still waits for", () => {
    const machine = new TestMachine();
    const session = machine.session();
    machine.on(session, 1, put("/a", "1"));
    told(machine, session, 9);
    expect(machine.on(session, 1, put("/a", "2"))).toMatchObject({ kind: "put", revision: 1 });
    expect(machine.text("/a")).toBe("1");
  });

  it("is forgotten once it was acknowledged, or the session ended", () => {
    const machine = new TestMachine();
    const session = machine.session();
    machine.on(session, 1, put("/a", "1"));
    machine.on(session, 2, put("/a", "2"), 2);
    expect(told(machine, session, 1).verdict).toBe(Verdict.FORGOTTEN);
    machine.run({ kind: "revoke", lease: session });
    expect(told(machine, session, 2).verdict).toBe(Verdict.FORGOTTEN);
  });

  it("cannot be told of no session or no sequence", () => {
    const machine = new TestMachine();
    for (const [session, sequence] of [
      [0, 1],
      [1, 0],
    ] as const) {
      expect(ask(machine, session, sequence)).toMatchObject({
        kind: "failed",
        problem: { code: "INVALID_ARGUMENT" },
      });
    }
  });
});
