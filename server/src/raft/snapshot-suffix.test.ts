import { expect, test } from "vitest";
import { encode, Network } from "./network.test-support.js";

test("a snapshot whose last entry the log holds commits up to it and leaves what follows (paper, section 7)", () => {
  const network = new Network(3);
  network.elect(1);
  const { raft } = network.node(2);
  const { commitIndex, term } = raft.status();
  const entryAt = (index: number) => ({ index, term, kind: "commands", data: encode(`${index}`) }) as const;
  const first = commitIndex + 1;
  const entries = [entryAt(first), entryAt(first + 1), entryAt(first + 2)];
  raft.step(1, {
    kind: "appendEntries",
    term,
    previousIndex: commitIndex,
    previousTerm: term,
    commitIndex,
    entries,
  });
  const { configuration } = raft;
  raft.step(1, {
    kind: "installSnapshot",
    term,
    lastIndex: first,
    lastTerm: term,
    configuration: { index: 0, configuration },
  });
  expect(raft.hasSnapshotToInstall).toBe(false);
  expect(raft.status()).toMatchObject({ commitIndex: first, lastIndex: first + 2 });
});
