import { connect, type Quorate, QuorateError } from "@quorate/sdk";
import type { ClientEvent } from "../observation.js";
import { currentWorld } from "../world/world.js";
import { onAbort } from "./abort-signal.js";
import { Recorder, type RunIds } from "./recorder.js";

/** Milliseconds in which a healed and settled cluster serves a fresh client: more than an election takes, and its retries. */
export const CLOSING_CALLS_MAX_MS = 10_000;

/** One path under every watched one: a watch that is still open must deliver it. */
const paths = ["/r/a", "/s/closing", "/l/closing/closing"] as const;

/** What the calls need of a client. */
export interface ClosingClient
  extends Pick<Quorate, "sessionId" | "sessionSignal" | "put" | "get" | "close"> {
  lease(ttlMs: number): Promise<ClosingLease>;
}

type ClosingLease = Pick<Awaited<ReturnType<Quorate["lease"]>>, "id" | "ttlMs" | "revoke">;

/**
 * LIVE, for clients: every member of a healed cluster opens a session, writes, reads linearizably and grants a lease for
 * a client that knows no other member. Operations of the workloads end by their own timeouts, so that they came to an end
 * says nothing.
 */
export class ClosingCalls {
  // By member: the step at which its client is, with the last refusal.
  readonly #waiting = new Map<string, string>();
  readonly #ids: RunIds;
  readonly #tell: (event: ClientEvent) => void;
  readonly #connect: (endpoint: string) => Promise<ClosingClient>;

  constructor(ids: RunIds, tell: (event: ClientEvent) => void, connectTo = connectOnly) {
    this.#ids = ids;
    this.#tell = tell;
    this.#connect = connectTo;
  }

  /** What is not answered yet, or was refused, in words. */
  get missing(): string[] {
    return [...this.#waiting].map(([member, step]) => `${member} does not serve a fresh client: ${step}`);
  }

  /** Makes the calls at one member. What they lack when they are over stays missing. */
  async make(member: string, endpoint: string): Promise<void> {
    this.#waiting.set(member, "session");
    const recorder = new Recorder(`closing-${member}`, this.#ids, (event) => {
      if (event.kind === "failed" || event.kind === "unknown") this.#refused(member, event.code);
      this.#tell(event);
    });
    try {
      const sentMs = currentWorld().nowMs;
      const quorate = await this.#connect(endpoint);
      const { sessionId: lease } = quorate;
      recorder.tell({ kind: "leaseGranted", lease, ttlMs: SESSION_TTL_MS, sentMs });
      onAbort(quorate.sessionSignal, () => recorder.tell({ kind: "leaseLost", lease }));
      if (await this.#call(quorate, recorder, member)) this.#waiting.delete(member);
      await quorate.close();
      recorder.tell({ kind: "leaseLetGo", lease });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#refused(member, error.code);
      recorder.failed("closing calls", error);
    }
  }

  async #call(quorate: ClosingClient, recorder: Recorder, member: string): Promise<boolean> {
    for (const path of paths) {
      this.#waiting.set(member, `put ${path}`);
      if (!(await this.#put(quorate, recorder, member, path))) return false;
    }
    this.#waiting.set(member, "get");
    const [path] = paths;
    const read = await recorder.call({ f: "get", path, serializable: undefined, revision: 0 }, async () => {
      return { f: "get", entry: await quorate.get(path), revision: undefined };
    });
    if (read === undefined) return false;
    this.#waiting.set(member, "lease");
    const sentMs = currentWorld().nowMs;
    const lease = await quorate.lease(LEASE_TTL_MS);
    recorder.tell({ kind: "leaseGranted", lease: lease.id, ttlMs: lease.ttlMs, sentMs });
    await lease.revoke();
    recorder.tell({ kind: "leaseRevoked", lease: lease.id });
    return true;
  }

  /** A cluster whose space is used up serves a write by saying so. */
  async #put(quorate: ClosingClient, recorder: Recorder, member: string, path: string): Promise<boolean> {
    const value = recorder.freshValue();
    const written = await recorder.call({ f: "put", path, value, fence: undefined }, async () => {
      const { revision } = await quorate.put(path, value);
      return { f: "put", revision, previous: undefined };
    });
    return written !== undefined || this.#waiting.get(member)?.endsWith(" SPACE_EXCEEDED") === true;
  }

  #refused(member: string, code: string): void {
    this.#waiting.set(member, `${this.#waiting.get(member)} ${code}`);
  }
}

const SESSION_TTL_MS = 10_000;
const LEASE_TTL_MS = 5_000;

/** A fresh client that stays with its member. */
function connectOnly(endpoint: string): Promise<ClosingClient> {
  return connect([endpoint], {
    followLeader: false,
    sessionTtlMs: SESSION_TTL_MS,
    connectTimeoutMs: CLOSING_CALLS_MAX_MS,
    requestTimeoutMs: CLOSING_CALLS_MAX_MS,
  });
}
