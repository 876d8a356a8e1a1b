import { existsSync, readFileSync } from "node:fs";
import { writeDurably } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";

const FORMAT = 1;

/**
 * The file `peers.json`: which data directory each other member of a new cluster was when it first made itself known, and
 * the newest life heard of each member, as its transport writes it.
 * Invariant: a member takes part in Raft only after every other first member has noted its incarnation durably. So one
 * that lost its disk, and asks again with another incarnation, finds somebody who knows that it has voted before.
 */
export class Acquaintances {
  private readonly file: string;
  private readonly incarnations = new Map<number, string>();
  private readonly lives = new Map<number, string>();

  /** @throws UnusableDataDirectory when the file cannot be read: what it said must not be forgotten. */
  constructor(file: string) {
    this.file = file;
    if (!existsSync(file)) return;
    try {
      const found = JSON.parse(readFileSync(file, "utf8")) as unknown;
      const { peers, lives } = notesOf(found);
      for (const [id, incarnation] of peers) this.incarnations.set(id, incarnation);
      for (const [id, life] of lives) this.lives.set(id, life);
    } catch (cause) {
      throw new UnusableDataDirectory(
        `${file} cannot be read: ${String(cause)}. Put back the whole directory, or replace its member (\`quorate member remove\`, \`quorate member add\`, then --join with an empty --data-dir)`,
        { cause },
      );
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
    this.write(new Map([...this.incarnations, [id, incarnation]]), this.lives);
    this.incarnations.set(id, incarnation);
    return incarnation;
  }

  /** The newest life noted of a member. */
  lifeOf(id: number): string | undefined {
    return this.lives.get(id);
  }

  /** Notes a member's newest life, durably, and forgets those of whom nobody needs them any more. */
  noteLife(id: number, life: string, isNeeded: (id: number) => boolean): void {
    const lives = new Map([...this.lives].filter(([other]) => isNeeded(other)).concat([[id, life]]));
    this.write(this.incarnations, lives);
    this.lives.clear();
    for (const [each, text] of lives) this.lives.set(each, text);
  }

  private write(incarnations: ReadonlyMap<number, string>, lives: ReadonlyMap<number, string>): void {
    const peers = Object.fromEntries(incarnations);
    // Versions that do not know lives leave them out when they write.
    const value = {
      format: FORMAT,
      peers,
      ...(lives.size === 0 ? {} : { lives: Object.fromEntries(lives) }),
    };
    writeDurably(this.file, `${JSON.stringify(value, undefined, 2)}\n`);
  }
}

function notesOf(found: unknown): { peers: [number, string][]; lives: [number, string][] } {
  if (typeof found !== "object" || found === null || !("format" in found) || !("peers" in found)) {
    throw new Error("it is no list of peers");
  }
  if (found.format !== FORMAT) throw new Error(`it has format ${String(found.format)}, not ${FORMAT}`);
  return { peers: textsOf(found.peers), lives: "lives" in found ? textsOf(found.lives) : [] };
}

/** Texts by member id. */
function textsOf(found: unknown): [number, string][] {
  if (typeof found !== "object" || found === null) throw new Error("it is no list of peers");
  return Object.entries(found).map(([id, text]) => {
    if (!Number.isSafeInteger(Number(id)) || typeof text !== "string") throw new Error(`peer ${id}`);
    return [Number(id), text];
  });
}
