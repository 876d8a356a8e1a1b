import {
  type MutationId,
  type MutationOutcome,
  type MutationResult,
  OutcomeUnknown,
  QuorateError,
} from "@quorate/sdk";
import type { Answer, Call, ClientEvent } from "../observation.js";
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
  /** The highest revision that the client was told of. */
  revisionSeen = 0;
  /** Operations that wait for an answer. */
  pending = 0;
  /** Asks what became of a mutation; undefined before there is a session. */
  outcome: ((mutation: MutationId) => Promise<MutationOutcome>) | undefined;

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

  /** Tells that a call which is no operation failed. What is no error of the service goes on its way. */
  failed(what: string, error: unknown): void {
    if (!(error instanceof QuorateError)) throw error;
    this.tell({ kind: "callFailed", what, code: error.code });
  }

  /**
   * Asks what became of a mutation of unknown outcome. That it was not applied is final: it counts as failed from here on,
   * so that every checker trips when it is applied after all. Resolves with undefined when it stays unknown.
   */
  async #outcomeOf(call: Call, error: QuorateError): Promise<Settled | undefined> {
    const mutation = error instanceof OutcomeUnknown ? error.mutation : undefined;
    if (mutation === undefined || this.outcome === undefined) return undefined;
    try {
      const outcome = await this.outcome(mutation);
      if (outcome.kind === "not-applied") return { kind: "failed", code: error.code };
      return outcome.kind === "applied" ? returned(call, outcome.result) : undefined;
    } catch (asking) {
      this.failed("outcome", asking);
      return undefined;
    }
  }

  /** Makes a call and records how it ended. Resolves with the answer, or undefined when it failed or is unknown. */
  async call(call: Call, make: () => Promise<Answer>): Promise<Answer | undefined> {
    const operation = ++this.#ids.operation;
    this.pending++;
    this.tell({ kind: "invoked", operation, call });
    try {
      const answer = await make();
      this.tell({ kind: "returned", operation, answer });
      this.revisionSeen = Math.max(this.revisionSeen, revisionIn(answer));
      return answer;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      const { code } = error;
      const settled: Settled | undefined =
        error.outcome === "did-not-happen" ? { kind: "failed", code } : await this.#outcomeOf(call, error);
      this.tell({ ...(settled ?? { kind: "unknown", code }), operation });
      return undefined;
    } finally {
      this.pending--;
    }
  }
}

/** How an operation ended after all. */
type Settled =
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "returned"; readonly answer: Answer };

function revisionIn(answer: Answer): number {
  if (answer.f === "get") return answer.revision ?? answer.entry?.modRevision ?? 0;
  return answer.revision;
}

/** The answer that a call would have had; undefined where its result does not say all of it. */
function returned({ f }: Call, result: MutationResult): Settled | undefined {
  const { kind } = result;
  if (kind === "put" && f === "put") {
    return { kind: "returned", answer: { f, revision: result.revision, previous: undefined } };
  }
  if (kind === "delete" && f === "delete") {
    return { kind: "returned", answer: { f, revision: result.revision, deleted: result.deleted } };
  }
  return undefined;
}
