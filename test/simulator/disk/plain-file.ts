import type { Durability } from "./disk-faults.js";

/** The least space a growing file gets, in bytes. */
const CAPACITY_BYTES_MIN = 4_096;

/** What a disk writes whole or not at all, in bytes. */
const SECTOR_BYTES = 512;

type Operation =
  | { readonly kind: "write"; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

/** Bytes that grow. */
class Content {
  #bytes: Uint8Array;
  #length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  /** What is there now; valid until the next change. */
  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case "write": {
        const end = operation.offset + operation.data.length;
        this.#reserve(end);
        this.#bytes.set(operation.data, operation.offset);
        this.#length = Math.max(this.#length, end);
        return;
      }
      case "truncate":
        this.#reserve(operation.length);
        this.#bytes.fill(0, operation.length);
        this.#length = operation.length;
        return;
    }
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(CAPACITY_BYTES_MIN, 2 * length));
    grown.set(this.view);
    this.#bytes = grown;
  }
}

/** A file of bytes: what processes see of it, and what a power failure leaves. */
export class PlainFile {
  readonly #visible: Content;
  readonly #durable: Content;
  // The operations that are on their way from the visible content to the durable one.
  #unsynced: Operation[] = [];

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    // Not by slice(): that of a Buffer copies nothing.
    this.#visible = new Content(new Uint8Array(bytes));
    this.#durable = new Content(new Uint8Array(bytes));
  }

  /** What a process sees; valid until the next change. */
  get bytes(): Uint8Array {
    return this.#visible.view;
  }

  /** Writes a copy of `data` at `offset`. */
  write(offset: number, data: Uint8Array): void {
    this.#do({ kind: "write", offset, data: new Uint8Array(data) });
  }

  truncate(length: number): void {
    this.#do({ kind: "truncate", length });
  }

  #do(operation: Operation): void {
    this.#visible.apply(operation);
    this.#unsynced.push(operation);
  }

  /** An fsync with that outcome. Returns the data of the writes that became durable. */
  sync(durability: Durability): Uint8Array[] {
    const operations = this.#unsynced;
    if (durability === "unsynced") return [];
    this.#unsynced = [];
    // The operating system takes for clean what it failed to write: the next sync succeeds, without it.
    if (durability === "failed") return [];
    for (const operation of operations) this.#durable.apply(operation);
    return operations.flatMap((operation) => (operation.kind === "write" ? [operation.data] : []));
  }

  /** Turns bits of one byte, on the disk as well. */
  rot(at: number, bits = 0xff): void {
    for (const content of [this.#visible, this.#durable]) {
      const byte = content.view[at];
      if (byte !== undefined) content.view[at] = byte ^ bits;
    }
  }

  /** Makes the sector at `at` zero, on the disk as well. */
  blank(at: number): void {
    for (const content of [this.#visible, this.#durable]) content.view.fill(0, at, at + SECTOR_BYTES);
  }

  /** Cuts the file off, on the disk as well. */
  shorten(length: number): void {
    for (const content of [this.#visible, this.#durable]) {
      if (length < content.view.length) content.apply({ kind: "truncate", length });
    }
  }

  /**
   * What a power failure leaves: the durable content and a prefix of the operations since, the last of which may be
   * torn: of a write over what is there some sectors, of one that makes the file longer its first bytes. `survivors`
   * draws how many out of so many come through.
   */
  afterPowerFailure(survivors: (count: number) => number): PlainFile {
    const left = new PlainFile(this.#durable.view);
    const count = this.#unsynced.length;
    const whole = count === 0 ? 0 : survivors(count);
    for (const operation of this.#unsynced.slice(0, whole)) left.#do(operation);
    const torn = this.#unsynced[whole];
    if (torn?.kind === "write") {
      if (torn.offset + torn.data.length <= left.bytes.length) left.#tear(torn, survivors);
      else left.#do({ ...torn, data: torn.data.subarray(0, survivors(torn.data.length)) });
    }
    left.sync("durable");
    return left;
  }

  #tear({ offset, data }: Extract<Operation, { kind: "write" }>, survivors: (count: number) => number): void {
    for (let from = 0; from < data.length; ) {
      const sectorEnd = SECTOR_BYTES * (Math.floor((offset + from) / SECTOR_BYTES) + 1) - offset;
      const to = Math.min(data.length, sectorEnd);
      if (survivors(1) === 1)
        this.#do({ kind: "write", offset: offset + from, data: data.subarray(from, to) });
      from = to;
    }
  }
}
