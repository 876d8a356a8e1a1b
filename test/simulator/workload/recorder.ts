import { type Entry, QuorateError } from "@quorate/sdk";
import type { Answer, Call, ClientEvent, EntrySeen } from "../observation.js";
import { currentWorld } from "../world/world.js";

/** Ids that are unique in a run. */
export interface RunIds {
  operation: number;
  watch: number;
  attempt: number;
  value: number;
}

/** Tells the observer what happens at one client. */
export class Recorder {
  readonly client: string;
  readonly #ids: RunIds;
  readonly #tell: (event: ClientEvent) => void;
  /** Operations that wait for an answer. */
  pending = 0;

  constructor(client: string, ids: RunIds, tell: (event: ClientEvent) => void) {
    this.client = client;
    this.#ids = ids;
    this.#tell = tell;
  }

  get trueMs(): number {
    return currentWorld().nowMs;
  }

  /** A value that no other operation of the run writes. */
  freshValue(): string {
    return `v${++this.#ids.value}`;
  }

  nextWatch(): number {
    return ++this.#ids.watch;
  }

  nextAttempt(): number {
    return ++this.#ids.attempt;
  }

  tell<Kind extends ClientEvent["kind"]>(
    event: Omit<Extract<ClientEvent, { kind: Kind }>, "client" | "trueMs"> & { kind: Kind },
  ): void {
    this.#tell({ ...event, client: this.client, trueMs: this.trueMs } as unknown as ClientEvent);
  }

  /** Makes a call and records how it ended. Resolves with the answer, or undefined when it failed or is unknown. */
  async call(call: Call, make: () => Promise<Answer>): Promise<Answer | undefined> {
    const operation = ++this.#ids.operation;
    this.pending++;
    this.tell({ kind: "invoked", operation, call });
    try {
      const answer = await make();
      this.tell({ kind: "returned", operation, answer });
      return answer;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      const kind = error.outcome === "did-not-happen" ? "failed" : "unknown";
      this.tell({ kind, operation, code: error.code });
      return undefined;
    } finally {
      this.pending--;
    }
  }
}

/** The entry as the checkers want it. */
export function seen(entry: Entry | undefined): EntrySeen | undefined {
  return entry;
}
