import type { Answer, Call, ClientEvent } from "../observation.js";

type OperationEvent = Extract<ClientEvent, { operation: number }>;

/** How an operation ended; one that is pending at the end of a run is unknown. */
export type Ending =
  | { readonly kind: "unknown" }
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "ok"; readonly answer: Answer; readonly at: number };

/** An operation of a client. */
export interface OperationRecord {
  readonly id: number;
  readonly client: string;
  readonly call: Call;
  /** Position of its invocation among all events of operations. */
  readonly invokedAt: number;
  /** The revision that some node had reached when it was invoked. */
  readonly floor: number;
  ending: Ending;
}

/** All operations of a run. */
export class OperationBook {
  readonly #records = new Map<number, OperationRecord>();
  #position = 0;

  /** All of them, in the order of their invocations. */
  all(): Iterable<OperationRecord> {
    return this.#records.values();
  }

  /** How many ended that way. */
  count(kind: Ending["kind"]): number {
    let count = 0;
    for (const { ending } of this.#records.values()) if (ending.kind === kind) count += 1;
    return count;
  }

  /**
   * Takes an event in and returns its operation. `revision` is that of the newest state of any node.
   * @throws Error when the event fits no operation: a defect of the simulation, not of what it runs.
   */
  event(event: OperationEvent, revision: number): OperationRecord {
    this.#position += 1;
    if (event.kind === "invoked") {
      const { operation: id, client, call } = event;
      if (this.#records.has(id)) throw new Error(`operation ${id} is invoked twice`);
      const ending = { kind: "unknown" } as const;
      const record = { id, client, call, invokedAt: this.#position, floor: revision, ending };
      this.#records.set(id, record);
      return record;
    }
    const record = this.#records.get(event.operation);
    if (record === undefined) throw new Error(`operation ${event.operation} ends and was never invoked`);
    if (record.ending.kind !== "unknown") throw new Error(`operation ${event.operation} ends twice`);
    record.ending = this.#endingOf(event);
    return record;
  }

  #endingOf(event: Exclude<OperationEvent, { kind: "invoked" }>): Ending {
    switch (event.kind) {
      case "returned":
        return { kind: "ok", answer: event.answer, at: this.#position };
      case "failed":
        return { kind: "failed", code: event.code };
      case "unknown":
        return { kind: "unknown" };
    }
  }
}
