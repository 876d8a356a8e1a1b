import { bounds } from "../client/options.js";
import { Compacted } from "../errors/quorate-error.js";
import type { Entry } from "./entry.js";
import type { ListOptions, ReadOptions } from "./options.js";
import type { Listing } from "./outcome.js";

/** Options of `walk`. */
export type WalkOptions = Omit<ListOptions, "recursive" | "limit" | "after">;

/** The entries of a subtree in path order, all as of one revision. Iterate it once. */
export interface Walk extends AsyncIterableIterator<Entry> {
  /** The revision that all of it shows; undefined before the first page was read. */
  readonly revision: number | undefined;
}

/** What walking needs of a client. */
export interface WalkedClient {
  get(path: string, options?: ReadOptions): Promise<Entry | undefined>;
  list(path: string, options?: ListOptions): Promise<Listing>;
}

/**
 * Reads a key and everything below it, a page at a time and each page when it is asked for, so that at most one is in
 * memory. Every page is read as of one revision: the one asked for, or that of the first.
 */
export function walkSubtree(client: WalkedClient, path: string, options: WalkOptions): Walk {
  return new SubtreeWalk(client, path, options);
}

class SubtreeWalk implements Walk {
  readonly #client: WalkedClient;
  readonly #path: string;
  readonly #options: WalkOptions;
  readonly #entries: AsyncGenerator<Entry, void, undefined>;
  #revision: number | undefined;

  constructor(client: WalkedClient, path: string, options: WalkOptions) {
    this.#client = client;
    this.#path = path;
    this.#options = options;
    this.#entries = this.#walk();
  }

  get revision(): number | undefined {
    return this.#revision;
  }

  next(): Promise<IteratorResult<Entry, void>> {
    return this.#entries.next();
  }

  return(): Promise<IteratorResult<Entry, void>> {
    return this.#entries.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#walk(): AsyncGenerator<Entry, void, undefined> {
    let page = await this.#list(undefined);
    // The listing says how far the store is, also where it shows the past that was asked for; 0 asks for the current.
    const revision = this.#options.revision || page.revision;
    this.#revision = revision;
    const own = await this.#root(revision);
    if (own !== undefined) yield own;
    for (;;) {
      for (const { entry } of page.nodes) if (entry !== undefined) yield entry;
      const last = page.nodes.at(-1);
      if (!page.more || last === undefined) return;
      page = await this.#list(last.path);
    }
  }

  /** The key itself, which a list of what is below it does not have. The root directory is no key. */
  async #root(revision: number): Promise<Entry | undefined> {
    // As of revision 0 nothing was ever written; asked for, it would stand for the current one.
    if (this.#path === "/" || revision === 0) return undefined;
    const { keysOnly: _, ...read } = this.#options;
    // Another node, asked serializably, may still have to come there.
    return this.#at(this.#path, () => this.#client.get(this.#path, { ...read, ...asOf(revision) }));
  }

  #list(after: string | undefined): Promise<Listing> {
    return this.#at(after ?? this.#path, () =>
      this.#client.list(this.#path, {
        ...this.#options,
        ...(this.#revision === undefined ? {} : asOf(this.#revision)),
        recursive: true,
        limit: bounds.listPageNodes,
        after,
      }),
    );
  }

  async #at<T>(place: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      if (!(cause instanceof Compacted) || this.#revision === undefined) throw cause;
      throw new Compacted(
        `walk ${this.#path}: revision ${this.#revision} was compacted while it was being read, at ${place}: ` +
          "walk again, faster or less at a time, or keep more history",
        cause.revision,
        { cause },
      );
    }
  }
}

function asOf(revision: number): Pick<ReadOptions, "revision" | "minRevision"> {
  return { revision, minRevision: revision };
}
