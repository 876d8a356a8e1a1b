import { describe, expect, it } from "vitest";
import { CalmCheck, calmLatencyMs } from "./calm.js";
import { HandMadeNode, tripped } from "./hand-made-run.test-support.js";

const conditions = { latencyMs: 1, jitterMs: 1, turnDelayMs: 0, syncMs: 2, appendsAtOnce: 8 };
const atMostMs = calmLatencyMs(conditions);
const call = { f: "put", path: "/a", value: "v1", fence: undefined } as const;

function begun(catchesUp = true): CalmCheck {
  const calm = new CalmCheck(conditions);
  calm.begins({ members: new Set([1, 2, 3]), reaches: (client) => client !== "lost", catchesUp });
  return calm;
}

function node(
  id: number,
  fields: Partial<Pick<HandMadeNode, "role" | "term" | "appliedIndex">> = {},
): HandMadeNode {
  return Object.assign(new HandMadeNode(id, [1, 2, 3]), fields);
}

/** A put that ends after so long, as told. */
function put(calm: CalmCheck, tookMs: number, code?: string, client = "c1"): void {
  const at = { client, operation: 1 };
  calm.event({ ...at, kind: "invoked", call, trueMs: 100 });
  const trueMs = 100 + tookMs;
  if (code !== undefined) calm.event({ ...at, kind: "failed", code, trueMs });
  else
    calm.event({ ...at, kind: "returned", answer: { f: "put", revision: 1, previous: undefined }, trueMs });
}

describe("while nothing goes wrong", () => {
  it("no member stands for election, and the leader stays", () => {
    const calm = begun();
    expect(tripped(() => calm.stepped(node(1, { role: "leader", term: 3 })))).toBeUndefined();
    expect(tripped(() => calm.stepped(node(2, { role: "follower", term: 3 })))).toBeUndefined();
    expect(tripped(() => calm.stepped(node(1, { role: "leader", term: 3 })))).toBeUndefined();
    expect(tripped(() => calm.stepped(node(2, { role: "preCandidate", term: 3 })))).toBe("CALM");
    expect(tripped(() => calm.stepped(node(2, { role: "leader", term: 4 })))).toBe("CALM");
    // Whoever does not belong to the cluster may do as it likes.
    expect(tripped(() => calm.stepped(node(4, { role: "preCandidate", term: 3 })))).toBeUndefined();
  });

  it("every operation ends in time, served or refused for what it asks", () => {
    expect(tripped(() => put(begun(), atMostMs))).toBeUndefined();
    expect(tripped(() => put(begun(), 10, "SPACE_EXCEEDED"))).toBeUndefined();
    expect(tripped(() => put(begun(), atMostMs + 1))).toBe("CALM");
    expect(tripped(() => put(begun(), 10, "NO_QUORUM"))).toBe("CALM");
    expect(tripped(() => put(begun(), 10, "NO_QUORUM", "lost"))).toBeUndefined();
  });

  it("no operation waits for longer, whether or not it ends at all", () => {
    const calm = begun();
    calm.event({ client: "c1", operation: 1, kind: "invoked", call, trueMs: 100 });
    expect(tripped(() => calm.looked([], 0, 100 + atMostMs))).toBeUndefined();
    expect(tripped(() => calm.looked([], 0, 101 + atMostMs))).toBe("CALM");
    expect(tripped(() => calm.ends(101 + atMostMs))).toBe("CALM");
  });

  it("every member that can catch up by the log keeps up", () => {
    const lagging = [node(1, { appliedIndex: 9 }), node(2, { appliedIndex: 4 })];
    for (const [catchesUp, expected] of [
      [true, "CALM"],
      [false, undefined],
    ] as const) {
      const calm = begun(catchesUp);
      expect(tripped(() => calm.looked(lagging, 5, 100))).toBeUndefined();
      expect(tripped(() => calm.looked(lagging, 9, 99 + atMostMs))).toBeUndefined();
      expect(tripped(() => calm.looked(lagging, 9, 100 + atMostMs))).toBe(expected);
    }
  });

  it("nothing is judged before or after", () => {
    const calm = new CalmCheck(conditions);
    expect(tripped(() => put(calm, atMostMs + 1, "NO_QUORUM"))).toBeUndefined();
    const over = begun();
    over.ends(100);
    expect(tripped(() => put(over, atMostMs + 1, "NO_QUORUM"))).toBeUndefined();
    expect(tripped(() => over.stepped(node(2, { role: "candidate", term: 3 })))).toBeUndefined();
  });
});
