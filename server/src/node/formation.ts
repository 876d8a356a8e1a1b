import { Client, credentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { UnusableDataDirectory } from "../storage/errors.js";
import type { Identity } from "../storage/identity-file.js";
import { askAcquaintance } from "../transport/acquaintance.js";
import { type Handshake, isRemoval } from "../transport/handshake.js";
import { peerChannelOptions } from "../transport/peer-link.js";
import type { PeerAddress } from "../transport/peers.js";
import { addWords, memberWords, replaceWords } from "./directory-words.js";

/** Milliseconds between two questions to a member that gave no answer: at first, and at most. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 500;
/** Milliseconds between two lines in the log about whom the node waits for. */
const PROGRESS_INTERVAL_MS = 5_000;

/**
 * The start of a node with a fresh data directory in a new cluster. It takes no part before every other first member has
 * noted its incarnation and knew no other one: the directory may be fresh because the disk was lost, and a node that
 * forgot its votes and what it acknowledged could elect a leader that lacks committed entries.
 */
export class Formation {
  private readonly others: readonly PeerAddress[];
  private readonly handshake: Omit<Handshake, "to">;
  private readonly logger: Logger;
  private readonly onWaiting: (reason: string) => void;
  private readonly directory: string;
  private readonly self: Pick<Identity, "name" | "memberId">;
  /** Members that have not confirmed, and what came of the last question. */
  private readonly waiting = new Map<string, string>();
  private readonly clients: Client[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private progress: NodeJS.Timeout | undefined;
  private stopped = false;

  /** `onWaiting` is told, in words, for whom the node waits; `directory` and `self` are named to people. */
  constructor(
    others: readonly PeerAddress[],
    handshake: Omit<Handshake, "to">,
    logger: Logger,
    onWaiting: (reason: string) => void,
    directory: string,
    self: Pick<Identity, "name" | "memberId">,
  ) {
    this.others = others;
    this.handshake = handshake;
    this.logger = logger;
    this.onWaiting = onWaiting;
    this.directory = directory;
    this.self = self;
  }

  /**
   * Resolves when every member has confirmed; never, when it is stopped before.
   * @throws UnusableDataDirectory when one of them knows the member as another data directory.
   */
  async run(): Promise<void> {
    for (const { name } of this.others) this.waiting.set(name, "not asked yet");
    this.tellProgress();
    this.progress = setInterval(() => this.logProgress(), PROGRESS_INTERVAL_MS);
    try {
      await Promise.all(this.others.map((peer) => this.acquaint(peer)));
    } finally {
      this.stop();
    }
  }

  /** Stops asking. */
  stop(): void {
    this.stopped = true;
    clearInterval(this.progress);
    for (const timer of this.timers) clearTimeout(timer);
    for (const client of this.clients.splice(0)) client.close();
  }

  private async acquaint({ id, name, address }: PeerAddress): Promise<void> {
    const client = new Client(address, credentials.createInsecure(), peerChannelOptions);
    this.clients.push(client);
    for (let retryMs = RETRY_MIN_MS; ; retryMs = Math.min(2 * retryMs, RETRY_MAX_MS)) {
      const known = await this.ask(client, id, name);
      if (known === this.handshake.incarnation) break;
      if (known !== undefined) throw this.forgotten(name);
      await this.pause(retryMs);
    }
    this.waiting.delete(name);
    this.tellProgress();
  }

  /** The incarnation that the member knows of this one; undefined when it gave no answer. */
  private async ask(client: Client, id: number, name: string): Promise<string | undefined> {
    try {
      return await askAcquaintance(client, { ...this.handshake, to: id });
    } catch (error) {
      if (isRemoval(error, this.handshake)) {
        throw new UnusableDataDirectory(
          `${name} says that ${memberWords(this.self)} was removed from the cluster: ${this.directory} was left empty. To put the node back, ${addWords(this.self.name)}`,
        );
      }
      const problem = error instanceof Error ? error.message : String(error);
      const before = this.waiting.get(name);
      this.waiting.set(name, problem);
      if (before !== problem) this.logger.info({ member: name, problem }, this.words());
      return undefined;
    }
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.stopped) return;
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        resolve();
      }, ms);
      this.timers.add(timer);
    });
  }

  private words(): string {
    const names = [...this.waiting.keys()].sort().join(", ");
    return `waiting for ${names}: a new cluster needs all its members at its first start`;
  }

  private tellProgress(): void {
    if (this.waiting.size > 0) this.onWaiting(this.words());
  }

  private logProgress(): void {
    this.logger.info({ problems: Object.fromEntries(this.waiting) }, this.words());
  }

  private forgotten(informant: string): UnusableDataDirectory {
    const { directory, self } = this;
    return new UnusableDataDirectory(
      `this node's data directory is new, but ${informant} knows this member with another one: ${memberWords(self)} has lost what it promised to the cluster and must not vote again under this id. ${directory} was left empty. Restore the directory of that member as it was last, or ${replaceWords(self.name)}. If this cluster has never served anybody, empty the directories of all its members instead`,
    );
  }
}
