import { create } from "@bufbuild/protobuf";
import {
  Consistency,
  ErrorCode,
  GetRequestSchema,
  KeepAliveRequestSchema,
  ListRequestSchema,
  TxnRequestSchema,
} from "@quorate/proto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bounds } from "../config.js";
import type { Fresh } from "../node/reads.js";
import { RevisionWaits } from "../node/revision-waits.js";
import { put, TestMachine } from "../state-machine/machine.test-support.js";
import { anonymous, Executor } from "./executor.js";
import type { Answer } from "./responses.js";

const WAIT_MS = 700;

afterEach(() => {
  vi.restoreAllMocks();
});

/** An executor over a state that stands still until the test moves it on, on a clock that stands at 0. */
function standing() {
  const t = new TestMachine();
  const waits = new RevisionWaits();
  const executor = new Executor(
    {
      machine: t.machine,
      submit: (command, done) => done(t.command(command)),
      read: (fresh) => fresh(),
      readAt: (revision: number, waitMs: number, fresh: Fresh) => {
        if (t.machine.revision >= revision) fresh();
        else waits.add(revision, waitMs, fresh);
      },
      renewLeases: () => undefined,
    },
    WAIT_MS,
  );
  const answers: Answer[] = [];
  const get = (minRevision: bigint): void =>
    executor.execute(
      {
        case: "get",
        value: create(GetRequestSchema, { path: "/a", consistency: Consistency.SERIALIZABLE, minRevision }),
      },
      anonymous,
      (answer) => answers.push(answer),
    );
  return { t, waits, executor, answers, get };
}

describe("a serializable read with a minimal revision", () => {
  it("is answered at once where that is reached, and else as soon as it is, not before", () => {
    const { t, waits, answers, get } = standing();
    t.run(put("/a", "1"));
    get(1n);
    expect(answers).toMatchObject([{ case: "get", value: { entry: { modRevision: 1n } } }]);
    get(3n);
    t.run(put("/a", "2"));
    waits.reached(t.machine.revision);
    expect(answers).toHaveLength(1);
    t.run(put("/a", "3"));
    waits.reached(t.machine.revision);
    expect(answers[1]).toMatchObject({ case: "get", value: { entry: { modRevision: 3n } } });
  });

  it("of a revision that is not reached in its time fails with that, and says how far the node is", () => {
    const { t, waits, answers, get } = standing();
    t.run(put("/a", "1"));
    get(2n);
    waits.expire(WAIT_MS - 1, t.machine.revision);
    expect(answers).toEqual([]);
    waits.expire(WAIT_MS, t.machine.revision);
    expect(answers).toMatchObject([
      { case: "error", value: { code: ErrorCode.FUTURE_REVISION, revision: 1n } },
    ]);
    t.run(put("/a", "2"));
    waits.reached(t.machine.revision);
    expect(answers).toHaveLength(1);
  });

  it("is refused when too many wait", () => {
    vi.spyOn(bounds, "pendingReadsMax", "get").mockReturnValue(1);
    const { answers, get } = standing();
    get(1n);
    get(1n);
    expect(answers).toMatchObject([{ case: "error", value: { code: ErrorCode.OVERLOADED } }]);
  });
});

it("answers a list with a page of at most so many nodes, and says that there are more", () => {
  vi.spyOn(bounds, "listNodesMax", "get").mockReturnValue(3);
  const { t, executor, answers } = standing();
  for (const name of ["a", "b", "c", "d"]) t.run(put(`/d/${name}`));
  const list = (after: string, limit = 0n): void =>
    executor.execute(
      { case: "list", value: create(ListRequestSchema, { path: "/d", after, limit }) },
      anonymous,
      (answer) => answers.push(answer),
    );
  list("");
  list("/d/c");
  list("", 100n);
  const pages = answers.flatMap((answer) => (answer.case === "list" ? [answer.value] : []));
  expect(pages.map(({ nodes, more }) => [nodes.map(({ path }) => path), more])).toEqual([
    [["/d/a", "/d/b", "/d/c"], true],
    [["/d/d"], false],
    [["/d/a", "/d/b", "/d/c"], true],
  ]);
});

it("keeps at most so many leases alive in one call", () => {
  vi.spyOn(bounds, "keepAliveLeasesMax", "get").mockReturnValue(2);
  const { executor, answers } = standing();
  const value = create(KeepAliveRequestSchema, { leaseIds: [1n, 2n, 3n] });
  executor.execute({ case: "keepAlive", value }, anonymous, (answer) => answers.push(answer));
  expect(answers).toMatchObject([{ case: "error", value: { code: ErrorCode.TOO_LARGE } }]);
});

it("answers a transaction that came under the number of another one with an error, and goes on", () => {
  const { t, executor, answers } = standing();
  const kept = { kind: "txn", compares: [], then: [], otherwise: [] } as const;
  const session = t.run({ kind: "grant", ttlMs: 10_000, lease: 0, session: true });
  if (session.kind !== "grant") throw new Error("no session");
  const identity = { sessionId: session.lease, sequence: 1, lowestPending: 1 };
  t.command({ ...identity, fence: undefined, body: { ...kept, then: [kept] } });
  executor.execute({ case: "txn", value: create(TxnRequestSchema, {}) }, identity, (answer) =>
    answers.push(answer),
  );
  expect(answers).toMatchObject([{ case: "error", value: { code: ErrorCode.INTERNAL } }]);
});
