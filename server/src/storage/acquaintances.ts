import { existsSync, readFileSync } from "node:fs";
import { writeDurably } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";

const FORMAT = 1;

/**
 * The file `peers.json`: which data directory each other member of a new cluster was when it first made itself known.
 * Invariant: a member takes part in Raft only after every other first member has noted its incarnation durably. So one
 * that lost its disk, and asks again with another incarnation, finds somebody who knows that it has voted before.
 */
export class Acquaintances {
  private readonly file: string;
  private readonly incarnations = new Map<number, string>();

  /** @throws UnusableDataDirectory when the file cannot be read: what it said must not be forgotten. */
  constructor(file: string) {
    this.file = file;
    if (!existsSync(file)) return;
    try {
      const found = JSON.parse(readFileSync(file, "utf8")) as unknown;
      for (const [id, incarnation] of peersOf(found)) this.incarnations.set(id, incarnation);
    } catch (cause) {
      throw new UnusableDataDirectory(`${file} cannot be read: ${String(cause)}`, { cause });
    }
  }

  /** The incarnation noted of a member. */
  incarnationOf(id: number): string | undefined {
    return this.incarnations.get(id);
  }

  /** Notes a member's incarnation, durably, unless one is noted already. Returns the one that is noted then. */
  note(id: number, incarnation: string): string {
    const known = this.incarnations.get(id);
    if (known !== undefined) return known;
    const peers = Object.fromEntries([...this.incarnations, [id, incarnation]]);
    writeDurably(this.file, `${JSON.stringify({ format: FORMAT, peers }, undefined, 2)}\n`);
    this.incarnations.set(id, incarnation);
    return incarnation;
  }
}

function peersOf(found: unknown): [number, string][] {
  if (typeof found !== "object" || found === null || !("format" in found) || !("peers" in found)) {
    throw new Error("it is no list of peers");
  }
  if (found.format !== FORMAT) throw new Error(`it has format ${String(found.format)}, not ${FORMAT}`);
  if (typeof found.peers !== "object" || found.peers === null) throw new Error("it is no list of peers");
  return Object.entries(found.peers).map(([id, incarnation]) => {
    if (!Number.isSafeInteger(Number(id)) || typeof incarnation !== "string") throw new Error(`peer ${id}`);
    return [Number(id), incarnation];
  });
}
