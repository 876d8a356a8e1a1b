import { QuorateError, SpaceExceeded, Unavailable } from "@quorate/sdk";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientEvent } from "../observation.js";
import { setCurrentWorld, World } from "../world/world.js";
import { ClosingCalls, type ClosingClient } from "./closing-calls.js";

describe("the closing calls at a member", () => {
  beforeEach(() => setCurrentWorld(new World()));
  afterEach(() => setCurrentWorld(undefined));

  /** A member that serves everything. */
  const serving: ClosingClient = {
    sessionId: 1,
    sessionSignal: new AbortController().signal,
    put: async (path) => ({ revision: 1, path, previous: undefined }),
    get: async () => undefined,
    lease: async (ttlMs) => ({ id: 2, ttlMs, revoke: async () => undefined }),
    close: async () => undefined,
  };

  async function missing(client: Partial<ClosingClient> | QuorateError): Promise<string[]> {
    const told: ClientEvent[] = [];
    const ids = { operation: 0, watch: 0, attempt: 0, value: 0 };
    const calls = new ClosingCalls(
      ids,
      (event) => told.push(event),
      async () => {
        if (client instanceof QuorateError) throw client;
        return { ...serving, ...client };
      },
    );
    await calls.make("n1", "n1:7400");
    return calls.missing;
  }

  it("lack nothing when all of them are answered", async () => {
    expect(await missing({})).toEqual([]);
  });

  it.each([
    ["session", new Unavailable("down")],
    ["put /r/a", { put: () => Promise.reject(new Unavailable("down")) }],
    ["get", { get: () => Promise.reject(new Unavailable("down")) }],
    ["lease", { lease: () => Promise.reject(new Unavailable("down")) }],
  ] as const)("lack the one that fails: %s", async (step, client) => {
    expect(await missing(client)).toEqual([`n1 does not serve a fresh client: ${step} UNAVAILABLE`]);
  });

  it("lack nothing when the space is used up, and a write is told so", async () => {
    expect(await missing({ put: () => Promise.reject(new SpaceExceeded("full")) })).toEqual([]);
  });
});
