import { connect, type MutationId, type Quorate, QuorateError } from "@quorate/sdk";
import type { Random } from "../world/random.js";
import { currentWorld } from "../world/world.js";
import type { BoundClient, HistoryBook } from "./history-book.js";

/** What a program kept of an earlier one: to go on from, if the history is the same. */
export interface Bookmark {
  readonly revision: number;
  readonly history: string;
  readonly mutation: MutationId;
}

/** What a client of the run is started with. */
export interface HistoryClientOptions {
  readonly name: string;
  readonly era: number;
  readonly endpoints: readonly string[];
  readonly session: boolean;
  readonly sessionTtlMs: number;
  readonly thinkMs: number;
  readonly random: Random;
  readonly book: HistoryBook;
  /** Whether its endpoints are nodes of several histories: then it may be told of a change that its own nodes know nothing of. */
  readonly mixed: boolean;
  /** Bookmarks of an era that is over. */
  readonly bookmarks: readonly Bookmark[];
  /** Called when what was kept of it may be gone on from. */
  readonly keep: (bookmark: Bookmark) => void;
}

const KEYS = 5;
const REQUEST_TIMEOUT_MS = 2_000;

/** A program that reads, writes and watches for as long as its history is there, and says whatever it is told. */
export class HistoryClient implements BoundClient {
  readonly name: string;
  readonly era: number;
  history = "";
  /** Answers that it got. */
  answers = 0;
  /** Whether everything it went on with has ended. */
  over = false;
  readonly #options: HistoryClientOptions;
  readonly #waiting = new Set<string>();
  #revision = 0;
  /** Whether its session expired by itself, while its history was there. */
  #expired = false;
  #written = 0;

  constructor(options: HistoryClientOptions) {
    this.name = options.name;
    this.era = options.era;
    this.#options = options;
  }

  /** What it still waits for. */
  get waiting(): string[] {
    return [...this.#waiting].map((what) => `${this.name}: ${what}`);
  }

  async run(): Promise<void> {
    const quorate = await this.#connected();
    if (quorate === undefined) return;
    const watches = (["fail", "relist"] as const).map((onCompacted) => this.#watch(quorate, onCompacted));
    await Promise.all([this.#work(quorate), ...watches, this.#goOnFromBookmarks()]);
    this.over = true;
    await quorate.close();
  }

  /** A client that knows its history, which it learned in its era: otherwise it could not be judged, and is none. */
  async #connected(): Promise<Quorate | undefined> {
    const { endpoints, session, sessionTtlMs, book } = this.#options;
    this.#waiting.add("a client that knows its history");
    for (;;) {
      let quorate: Quorate | undefined;
      try {
        quorate = await connect([...endpoints], {
          ...{ session, sessionTtlMs, requestTimeoutMs: REQUEST_TIMEOUT_MS, connectTimeoutMs: 4_000 },
          onStateChange: (state) => {
            this.#expired ||= state === "expired" && !book.isOver(this.era);
          },
        });
        for (let i = 0; i < 20 && quorate.historyId === undefined; i++) {
          await quorate.get("/h/0");
          await sleep(100);
        }
        if (quorate.historyId !== undefined && !book.isOver(this.era)) {
          this.history = quorate.historyId;
          this.#waiting.clear();
          return quorate;
        }
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
      }
      await quorate?.close();
      if (book.isOver(this.era)) {
        this.#waiting.clear();
        return undefined;
      }
      await sleep(100);
    }
  }

  /** Calls, until it is told that the history changed. */
  async #work(quorate: Quorate): Promise<void> {
    const { random, thinkMs, book } = this.#options;
    this.#waiting.add("an end of its calls");
    for (;;) {
      await sleep(random.exponential(thinkMs));
      const sentMs = currentWorld().nowMs;
      try {
        const how = await this.#call(quorate);
        book.answered(this, sentMs, how);
        this.answers++;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        if (this.#endsCalls(error)) break;
      }
    }
    this.#waiting.delete("an end of its calls");
  }

  #endsCalls(error: QuorateError): boolean {
    const { book, mixed } = this.#options;
    switch (error.code) {
      case "HISTORY_CHANGED":
        // Beside nodes of another history, it may be told so for as long as its own cannot be reached.
        if (!mixed) book.toldOfChange(this, "a call");
        return !mixed;
      case "SESSION_EXPIRED":
        if (!this.#expired && !mixed) book.endedBy(this, error.code, "its session");
        return true;
      default:
        return false;
    }
  }

  async #call(quorate: Quorate): Promise<string> {
    const { random, book } = this.#options;
    const path = `/h/${random.integer(0, KEYS - 1)}`;
    const minRevision = this.#revision;
    switch (random.pick(["put", "put", "get", "stale", "list", "outcome"] as const)) {
      case "put": {
        const { revision } = await quorate.put(path, book.valueOf(this, ++this.#written));
        this.#revision = Math.max(this.#revision, revision);
        const mutation = { sessionId: quorate.sessionId || 1, sequence: 1, history: this.history };
        this.#options.keep({ revision, history: this.history, mutation });
        return "put";
      }
      case "get":
        return this.#seen("get", await quorate.get(path));
      case "stale":
        return this.#seen("stale", await quorate.get(path, { consistency: "serializable", minRevision }));
      case "list": {
        const { nodes } = await quorate.list("/h", { after: "/h/1" });
        for (const { entry } of nodes) this.#seen("list", entry);
        return "list";
      }
      case "outcome":
        // Of a session that never was, so that nothing of its own is settled by it.
        await quorate.outcome({ sessionId: 4_000_000_000, sequence: 1, history: this.history });
        return "outcome";
    }
  }

  #seen(how: string, entry: { text(): string } | undefined): string {
    if (entry !== undefined) this.#options.book.seen(this, entry.text(), how);
    return how;
  }

  /** Watches until it is told that the history changed. */
  async #watch(quorate: Quorate, onCompacted: "fail" | "relist"): Promise<void> {
    const what = `an end of its watch (${onCompacted})`;
    this.#waiting.add(what);
    for (let code = ""; code !== "HISTORY_CHANGED"; ) {
      try {
        const unservedTimeoutMs = Number.POSITIVE_INFINITY;
        const options = { recursive: true, onCompacted, unservedTimeoutMs };
        for await (const event of quorate.watch("/h", options)) this.#seen("watch", event.entry);
        break;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        ({ code } = error);
        // One that was begun before it could be served has no position yet, and nothing to lose.
        if (code === "COMPACTED") continue;
        if (!this.#options.mixed && code === "HISTORY_CHANGED") this.#options.book.toldOfChange(this, what);
        this.#options.book.endedBy(this, code, what);
      }
    }
    this.#waiting.delete(what);
  }

  /** What was kept in an era that is over leads nowhere in this one, also for who knows no history yet. */
  async #goOnFromBookmarks(): Promise<void> {
    const { endpoints, bookmarks, random } = this.#options;
    for (const { revision, history, mutation } of bookmarks) {
      const quorate = await connect([...endpoints], { session: false, requestTimeoutMs: REQUEST_TIMEOUT_MS });
      const from = { fromRevision: revision, history };
      const stale = { consistency: "serializable", minRevision: revision, history } as const;
      const goingOn = [
        ["a watch", () => quorate.watch("/h", { recursive: true, ...from }).next()],
        ["an outcome", () => quorate.outcome(mutation)],
        ["a read", () => quorate.get("/h/0", stale)],
      ] as const;
      for (const [what, go] of random.shuffled(goingOn)) await this.#refused(`${what} from a bookmark`, go);
      await quorate.close();
    }
  }

  async #refused(what: string, go: () => Promise<unknown>): Promise<void> {
    const earlier = { name: this.name, era: this.era - 1, history: this.history };
    this.#waiting.add(what);
    for (;;) {
      try {
        await go();
        this.#options.book.endedBy(earlier, "", what);
        break;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        if (error.code === "HISTORY_CHANGED") break;
        // No node of this history may be there for a moment.
        await sleep(200);
      }
    }
    this.#waiting.delete(what);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
