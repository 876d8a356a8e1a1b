import type { Change, Entry } from "../../../server/src/state-machine/index.js";
import type { ReferenceHistory } from "../invariants/reference-history.js";
import { sameSeen } from "../invariants/same.js";
import { violated } from "../invariants/violation.js";
import type { Answer, Call, EntrySeen } from "../observation.js";
import type { OperationRecord } from "./operation-book.js";

type CallOf<F extends Call["f"]> = Extract<Call, { f: F }>;
type AnswerOf<F extends Answer["f"]> = Extract<Answer, { f: F }>;

/**
 * LIN by revisions. The history gives all changes one order, so an answer can be held to it at once, without a search:
 *
 * - An acknowledged write is the change of its revision, as it was called, and no other operation's.
 * - A read returns the state of its revision, or of one at which what it found was current.
 * - Real time: an operation takes effect after its invocation, so at a revision above, or for a read not below, every
 *   one that some node had reached then. That is more than clients could ever prove, since a node has only what is
 *   committed; and a read index is taken after the invocation, so it is what the service owes.
 */
export class RevisionOrder {
  readonly #history: ReferenceHistory;
  // By revision: the operation that was told the revision as that of its change.
  readonly #claims = new Map<number, number>();

  constructor(history: ReferenceHistory) {
    this.#history = history;
  }

  /** An operation returned, just now. */
  check(record: OperationRecord, answer: Answer): void {
    const { call } = record;
    switch (call.f) {
      case "get":
        if (answer.f === "get") return this.#get(record, call, answer);
        break;
      case "list":
        if (answer.f === "list") return this.#list(record, call, answer);
        break;
      case "put":
        if (answer.f === "put") return this.#put(record, call, answer);
        break;
      case "delete":
        if (answer.f === "delete") return this.#delete(record, call, answer);
        break;
      case "cas":
        if (answer.f === "cas") return this.#cas(record, call, answer);
        break;
      case "append":
        if (answer.f === "append") return this.#append(record, call, answer);
        break;
      case "txn":
        if (answer.f === "txn") return this.#txn(record, call, answer);
        break;
    }
    throw new Error(`operation ${record.id} is a ${call.f} and was answered like a ${answer.f}`);
  }

  #get(record: OperationRecord, call: CallOf<"get">, { entry, revision }: AnswerOf<"get">): void {
    const { path } = call;
    if (call.revision > 0) return this.#checkAt(record, path, entry, call.revision);
    const floor = call.serializable === undefined ? record.floor : call.serializable.minRevision;
    if (revision !== undefined) {
      this.#checkReadRevision(record, revision, floor);
      return this.#checkAt(record, path, entry, revision);
    }
    if (entry === undefined) return this.#checkAbsentSince(record, path, floor);
    this.#checkAt(record, path, entry, entry.modRevision);
    const superseded = this.#history.supersededAt(path, entry.modRevision);
    if (superseded !== undefined && superseded <= floor) {
      wrong(record, `read version ${entry.modRevision} of ${path}, which was superseded at ${superseded}`, {
        floor,
      });
    }
  }

  #list(
    record: OperationRecord,
    { path, serializable }: CallOf<"list">,
    { entries, revision }: AnswerOf<"list">,
  ): void {
    this.#checkReadRevision(record, revision, serializable?.minRevision ?? record.floor);
    for (const entry of entries) this.#checkAt(record, entry.path, entry, revision);
    const listed = entries.map((entry) => entry.path);
    const expected = [...this.#history.keys()]
      .filter((key) => isChild(path, key) && this.#history.entryAt(key, revision) !== undefined)
      .sort();
    if (listed.join() === expected.join()) return;
    wrong(record, `listed other children of ${path} than it had at revision ${revision}`, {
      listed,
      expected,
    });
  }

  #put(
    record: OperationRecord,
    { path, value }: CallOf<"put">,
    { revision, previous }: AnswerOf<"put">,
  ): void {
    const change = this.#claim(record, path, revision);
    checkWritten(record, change, value);
    if (previous !== undefined && !sameSeen(change.previous, previous.entry)) {
      wrong(record, `was told another entry before its put of ${path}`, { revision, found: previous.entry });
    }
  }

  #delete(
    record: OperationRecord,
    { path }: CallOf<"delete">,
    { revision, deleted }: AnswerOf<"delete">,
  ): void {
    if (deleted > 0) return checkWritten(record, this.#claim(record, path, revision), undefined);
    this.#checkReadRevision(record, revision, record.floor);
    this.#checkAt(record, path, undefined, revision);
  }

  #cas(
    record: OperationRecord,
    { path, from, to }: CallOf<"cas">,
    { revision, swapped }: AnswerOf<"cas">,
  ): void {
    if (swapped) {
      const change = this.#claim(record, path, revision);
      checkWritten(record, change, to);
      if (textOf(change.previous) !== from) {
        wrong(record, `swapped ${path}, whose value was another`, { from, found: textOf(change.previous) });
      }
      return;
    }
    this.#checkReadRevision(record, revision, record.floor);
    if (textOf(this.#history.entryAt(path, revision)) === from) {
      wrong(record, `did not swap ${path}, whose value was as compared`, { from, revision });
    }
  }

  #append(record: OperationRecord, { path, tag }: CallOf<"append">, { revision }: AnswerOf<"append">): void {
    const change = this.#claim(record, path, revision);
    checkWritten(record, change, (textOf(change.previous) ?? "") + tag);
  }

  #txn(record: OperationRecord, call: CallOf<"txn">, { revision, succeeded, reads }: AnswerOf<"txn">): void {
    // With a put among the writes, the revision is the transaction's own.
    const wrote = succeeded && call.writes.length > 0;
    const readAt = wrote ? revision - 1 : revision;
    if (wrote) this.#checkWrites(record, call, revision);
    else this.#checkReadRevision(record, revision, record.floor);
    for (const [position, path] of call.reads.entries()) this.#checkAt(record, path, reads[position], readAt);
    const held = call.compares.every(
      ({ path, modRevision }) => (this.#history.entryAt(path, readAt)?.modRevision ?? 0) === modRevision,
    );
    if (held !== succeeded) wrong(record, `compared falsely at revision ${revision}`, { held, succeeded });
  }

  #checkWrites(record: OperationRecord, { writes }: CallOf<"txn">, revision: number): void {
    this.#claimRevision(record, revision);
    for (const { path, value } of writes) {
      const change = this.#history.changeAt(path, revision);
      if (change !== undefined) checkWritten(record, change, value);
      else if (value !== undefined || this.#history.entryAt(path, revision) !== undefined) {
        violated("DUR", `the write of ${path} at revision ${revision} is not in the history`, about(record));
      }
    }
  }

  /** A read found `entry` as of a revision. */
  #checkAt(record: OperationRecord, path: string, entry: EntrySeen | undefined, revision: number): void {
    if (revision > this.#history.revision)
      wrong(record, `read ${path} at revision ${revision}, still to come`);
    const expected = this.#history.entryAt(path, revision);
    if (sameSeen(expected, entry)) return;
    wrong(record, `read what ${path} was not at revision ${revision}`, {
      revision,
      expected: expected?.modRevision,
      found: entry?.modRevision,
    });
  }

  #checkReadRevision(record: OperationRecord, revision: number, floor: number): void {
    if (revision >= floor) return;
    wrong(record, `read at revision ${revision}, when ${floor} had been reached`, { revision, floor });
  }

  /** A read found nothing: at some revision since `floor`, the key did not exist. */
  #checkAbsentSince(record: OperationRecord, path: string, floor: number): void {
    if (this.#history.entryAt(path, floor) === undefined) return;
    const versions = this.#history.versions(path);
    for (let at = versions.length - 1; at >= 0; at -= 1) {
      const version = versions[at];
      if (version === undefined || version.revision <= floor) break;
      if (version.entry === undefined) return;
    }
    wrong(record, `did not find ${path}, which existed ever since revision ${floor}`, { path, floor });
  }

  /** A write of `path` was acknowledged with a revision: the change is there, and it is this operation's alone. */
  #claim(record: OperationRecord, path: string, revision: number): Change {
    const change = this.#history.changeAt(path, revision);
    if (change === undefined) {
      violated("DUR", `the acknowledged change of ${path} at revision ${revision} is not in the history`, {
        ...about(record),
        revision,
        newest: this.#history.revision,
      });
    }
    this.#claimRevision(record, revision);
    return change;
  }

  #claimRevision(record: OperationRecord, revision: number): void {
    const other = this.#claims.get(revision);
    if (other !== undefined)
      wrong(record, `has revision ${revision}, as operation ${other} has`, { revision, other });
    this.#claims.set(revision, record.id);
    if (revision > record.floor) return;
    wrong(record, `took effect at revision ${revision}, before its invocation`, { revision });
  }
}

function isChild(path: string, key: string): boolean {
  return key.startsWith(`${path}/`) && !key.includes("/", path.length + 1);
}

function checkWritten(record: OperationRecord, change: Change, value: string | undefined): void {
  const found = textOf(change.entry);
  if (found === value) return;
  wrong(record, `wrote something else to ${change.key} at revision ${change.revision}`, { value, found });
}

function wrong(
  record: OperationRecord,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
): never {
  violated("LIN", `operation ${record.id} of ${record.client} ${what}`, { ...about(record), ...details });
}

function about({ id, client, call, floor }: OperationRecord): Readonly<Record<string, unknown>> {
  return { operation: id, client, call, floor };
}

const decoder = new TextDecoder();

/** The value of an entry as text; undefined when there is none. */
export function textOf(entry: Pick<Entry, "value"> | undefined): string | undefined {
  return entry === undefined ? undefined : decoder.decode(entry.value);
}
