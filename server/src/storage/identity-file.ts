import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";

/**
 * Version of the layout of the data directory and of what is in it. Since 3 the log is a folder of segments; a directory of
 * an older one is brought to it when its log is opened.
 */
export const DATA_FORMAT = 3;

/** The oldest version that can be read. */
const DATA_FORMAT_MIN = 2;

/**
 * How far the member has come: `fresh` may have promised nothing to anybody, and must not before its cluster knows it;
 * `formed` takes part; `removed` never will again, nor will `diverged`, whose state was found to be wrong, nor `disowned`,
 * which is another copy than the one that the cluster knows.
 */
export type Standing = "fresh" | "formed" | "removed" | "diverged" | "disowned";

const standings: readonly unknown[] = [
  "fresh",
  "formed",
  "removed",
  "diverged",
  "disowned",
] satisfies Standing[];

/** One of the members that a cluster began with. */
export interface Founder {
  readonly id: number;
  readonly name: string;
  readonly address: string;
}

/** To whom a data directory belongs. */
export interface Identity {
  readonly clusterId: number;
  readonly memberId: number;
  readonly name: string;
  /** Random number of this directory, in hexadecimal digits: a member that lost its disk comes back with another one. */
  readonly incarnation: string;
  readonly standing: Standing;
  /** How often a process was started on it; 0 while only versions were that do not count. */
  readonly starts: number;
  /** Random numbers of the last starts, the latest first, in hexadecimal digits: copies of the directory differ in them. */
  readonly nonces: readonly string[];
  /** The members that the cluster began with, when this is one of them; otherwise none. */
  readonly founders: readonly Founder[];
}

/** The file `identity.json` of a data directory. */
export class IdentityFile {
  private readonly file: string;
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    this.file = join(directory, "identity.json");
  }

  get exists(): boolean {
    return existsSync(this.file);
  }

  /** @throws UnusableDataDirectory when it cannot be read or was written by another version. */
  read(): Identity {
    return this.parse().identity;
  }

  private parse(): { readonly format: number; readonly identity: Identity } {
    let found: unknown;
    try {
      found = JSON.parse(readFileSync(this.file, "utf8"));
    } catch (cause) {
      throw new UnusableDataDirectory(`${this.file} cannot be read: ${String(cause)}`, { cause });
    }
    const format = isRecord(found) ? found.format : undefined;
    if (typeof format !== "number" || format < DATA_FORMAT_MIN || format > DATA_FORMAT) {
      throw new UnusableDataDirectory(
        `${this.directory} has data format ${String(format)}, this version of Quorate reads formats ${DATA_FORMAT_MIN} to ${DATA_FORMAT}`,
      );
    }
    if (!isIdentity(found)) {
      throw new UnusableDataDirectory(`${this.file} does not say to whom the directory belongs`);
    }
    const { clusterId, memberId, name, incarnation, standing, starts = 0, nonces = [], founders } = found;
    return {
      format,
      identity: { clusterId, memberId, name, incarnation, standing, starts, nonces, founders },
    };
  }

  /**
   * Marks the directory as one of the present format, durably: from now on older versions refuse it, instead of finding
   * in it no log that they know.
   */
  modernize(): void {
    if (this.exists && this.parse().format < DATA_FORMAT) this.write(this.read());
  }

  /** Durable when it returns. */
  write(identity: Identity): void {
    writeDurably(this.file, `${JSON.stringify({ format: DATA_FORMAT, ...identity }, undefined, 2)}\n`);
  }

  /** For a directory that is nobody's any more; not durable by itself. */
  remove(): void {
    for (const file of [`${this.file}.new`, this.file]) rmSync(file, { force: true });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What versions before did not write. */
type Counted = "starts" | "nonces";

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isIdentity(value: unknown): value is Omit<Identity, Counted> & Partial<Pick<Identity, Counted>> {
  return (
    isRecord(value) &&
    Number.isSafeInteger(value.clusterId) &&
    Number.isSafeInteger(value.memberId) &&
    typeof value.name === "string" &&
    typeof value.incarnation === "string" &&
    standings.includes(value.standing) &&
    (value.starts === undefined || Number.isSafeInteger(value.starts)) &&
    (value.nonces === undefined || (Array.isArray(value.nonces) && value.nonces.every(isText))) &&
    Array.isArray(value.founders) &&
    value.founders.every(isFounder)
  );
}

function isFounder(value: unknown): value is Founder {
  return (
    isRecord(value) &&
    Number.isSafeInteger(value.id) &&
    typeof value.name === "string" &&
    typeof value.address === "string"
  );
}
