import { expect, it } from "vitest";
import type { SetMember } from "../state-machine/index.js";
import { StateMachine } from "../state-machine/index.js";
import { Introduction } from "./introduction.js";
import type { Done } from "./proposals.js";

/** A node whose proposals are applied when the test says so. */
class FakeNode {
  readonly machine = new StateMachine({ change: () => undefined });
  peerAddress = "h:1";
  readonly proposed: { body: SetMember; done: Done }[] = [];
  readonly complaints: string[] = [];

  submitBody(body: SetMember, _fence: undefined, done: Done): void {
    this.proposed.push({ body, done });
  }

  disowned(message: string): void {
    this.complaints.push(message);
  }

  apply(body: SetMember): void {
    const command = { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body };
    const { results } = this.machine.apply(this.machine.appliedIndex + 1, 1, [command]);
    for (const { done } of this.proposed.splice(0)) for (const result of results) done(result);
  }
}

const about = { memberId: 1, name: "n1", clientEndpoint: "c:1", format: 3, incarnation: "aa" };

it("tells the cluster until it knows, and again when there is something new", () => {
  const node = new FakeNode();
  const introduction = new Introduction(about, node);
  introduction.tick(0);
  introduction.tick(1);
  const [first] = node.proposed;
  expect(node.proposed).toHaveLength(1);
  expect(first?.body).toMatchObject({ ...about, peerAddress: "h:1" });
  if (first !== undefined) node.apply(first.body);
  introduction.tick(5_000);
  expect(node.proposed).toEqual([]);
  node.peerAddress = "h:2";
  introduction.tick(10_000);
  expect(node.proposed).toHaveLength(1);
});

it("tries again after a while when it came to nothing, and at once under another leader", () => {
  const node = new FakeNode();
  const introduction = new Introduction(about, node);
  introduction.tick(0);
  node.proposed.splice(0)[0]?.done({ kind: "failure", code: "NO_QUORUM", message: "" });
  introduction.tick(10);
  expect(node.proposed).toEqual([]);
  introduction.leaderChanged();
  introduction.tick(20);
  expect(node.proposed).toHaveLength(1);
});

it("says nothing while it does not know where it is dialled", () => {
  const node = new FakeNode();
  node.peerAddress = "";
  new Introduction(about, node).tick(0);
  expect(node.proposed).toEqual([]);
});

it("learns that its member is another data directory", () => {
  const node = new FakeNode();
  node.apply({ kind: "member", ...about, incarnation: "bb", peerAddress: "h:1", format: 1 });
  const introduction = new Introduction(about, node);
  introduction.tick(0);
  const [mine] = node.proposed;
  if (mine !== undefined) node.apply(mine.body);
  expect(node.complaints).toEqual([expect.stringMatching(/another data directory/)]);
});
