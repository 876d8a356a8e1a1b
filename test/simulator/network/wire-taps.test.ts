import { create } from "@bufbuild/protobuf";
import { Metadata } from "@grpc/grpc-js";
import { PeerMessageSchema, WatchReplySchema, WatchRequestSchema } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import { tripped } from "../invariants/hand-made-run.test-support.js";
import { promisesIn, WatchDeliveries } from "./wire-taps.js";

const stream = {};

function watching(startRevision: bigint): WatchDeliveries {
  const deliveries = new WatchDeliveries();
  const value = { watchId: 1n, path: "/w", startRevision };
  deliveries.requested(stream, create(WatchRequestSchema, { request: { case: "create", value } }));
  return deliveries;
}

const created = (revision: bigint) =>
  create(WatchReplySchema, { watchId: 1n, reply: { case: "created", value: { revision } } });
const initial = (revision: bigint) =>
  create(WatchReplySchema, { watchId: 1n, reply: { case: "initial", value: { revision } } });
const events = (revision: bigint) => {
  const value = { revision, events: [{ entry: { path: "/w", modRevision: revision } }] };
  return create(WatchReplySchema, { watchId: 1n, reply: { case: "events", value } });
};

describe("WATCH, as servers deliver it", () => {
  it("trips on an event of before a watch from now on was created", () => {
    for (const start of [created, initial]) {
      const deliveries = watching(0n);
      deliveries.delivered(stream, start(5n));
      expect(tripped(() => deliveries.delivered(stream, events(5n)))).toBe("WATCH");
      expect(tripped(() => deliveries.delivered(stream, events(6n)))).toBeUndefined();
    }
  });

  it("lets a watch from a past revision have it, and no earlier one", () => {
    const deliveries = watching(3n);
    deliveries.delivered(stream, created(5n));
    expect(tripped(() => deliveries.delivered(stream, events(2n)))).toBe("WATCH");
    expect(tripped(() => deliveries.delivered(stream, events(3n)))).toBeUndefined();
    expect(tripped(() => deliveries.delivered(stream, events(3n)))).toBe("WATCH");
  });

  it("trips on a reply to a watch that was not asked for", () => {
    expect(tripped(() => new WatchDeliveries().delivered(stream, created(5n)))).toBe("WATCH");
  });
});

describe("promises on the wire", () => {
  const metadata = new Metadata();
  metadata.set("quorate-to", "2");
  const view = { term: 4, termAt: (index: number) => (index === 7 ? 3 : undefined) };

  it("are votes, own votes and acknowledgements, and no pre-votes or refusals", () => {
    const messages = [
      { case: "requestVote", value: { term: 4n, preVote: true } },
      { case: "requestVote", value: { term: 4n } },
      { case: "heartbeat", value: { term: 4n } },
      { case: "appendEntries", value: { term: 4n } },
      { case: "requestVoteResult", value: { term: 4n, granted: true } },
      { case: "requestVoteResult", value: { term: 4n, granted: true, preVote: true } },
      { case: "requestVoteResult", value: { term: 4n } },
      { case: "appendEntriesResult", value: { term: 4n, index: 7n } },
      { case: "appendEntriesResult", value: { term: 3n, index: 7n } },
      { case: "appendEntriesResult", value: { term: 4n, index: 7n, rejected: true } },
    ] as const;
    const sent = messages.map((message) => create(PeerMessageSchema, { message }));
    expect(promisesIn(sent, metadata, view)).toEqual([
      { kind: "ownVote", term: 4 },
      { kind: "ownVote", term: 4 },
      { kind: "ownVote", term: 4 },
      { kind: "vote", term: 4, candidate: 2 },
      { kind: "append", term: 4, index: 7, entryTerm: 3 },
      { kind: "append", term: 3, index: 7, entryTerm: undefined },
    ]);
  });
});
