import type { Entry as WireEntry } from "@quorate/proto";
import { TooLarge } from "../errors/quorate-error.js";

const decoder = new TextDecoder();

/** A key with its value, as it stood at one revision. */
export class Entry {
  /** Absolute path, for example "/app/db/primary". */
  readonly path: string;
  /** The value. Empty when the call asked for keys only, or when `valueOmitted`. */
  readonly value: Uint8Array;
  /** Revision at which the key came to be: it changes when a deleted key is created again. */
  readonly createRevision: number;
  /** Revision of the last change. */
  readonly modRevision: number;
  /** 1 for a key just created, one more at each change since. */
  readonly version: number;
  /** Id of the lease the key lives on, 0 for none. */
  readonly lease: number;
  /** The value was left out because a transaction's answer, of about 4 MiB, had no room for it: get the key alone. */
  readonly valueOmitted: boolean;

  constructor(wire: WireEntry) {
    this.path = wire.path;
    this.value = wire.value;
    this.createRevision = Number(wire.createRevision);
    this.modRevision = Number(wire.modRevision);
    this.version = Number(wire.version);
    this.lease = Number(wire.leaseId);
    this.valueOmitted = wire.valueOmitted;
  }

  /** The value as UTF-8 text. Throws TooLarge when the value was omitted. */
  text(): string {
    if (this.valueOmitted) {
      throw new TooLarge(`the value of ${this.path} was left out of a transaction's answer: get it alone`);
    }
    return decoder.decode(this.value);
  }

  /** The value parsed as JSON. Throws SyntaxError when it is none, and TooLarge when the value was omitted. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** The entry of an optional field. */
export function entryOf(wire: WireEntry | undefined): Entry | undefined {
  return wire === undefined ? undefined : new Entry(wire);
}
