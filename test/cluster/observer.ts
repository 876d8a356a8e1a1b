import { type Quorate, QuorateError, type Watch, type WatchEvent, type WatchOptions } from "@quorate/sdk";
import { eventually, type LocalCluster } from "./local-cluster.js";

/** A watch on a client of its own, and all it has delivered so far. */
export class Observer implements AsyncDisposable {
  readonly events: WatchEvent[] = [];
  /** Why the watch ended; undefined while it has not, or when it was stopped. */
  error: QuorateError | undefined;
  private readonly client: Quorate;
  private readonly watch: Watch;
  private readonly finished: Promise<void>;

  constructor(client: Quorate, path: string, options: WatchOptions) {
    this.client = client;
    this.watch = client.watch(path, options);
    this.finished = this.collect();
  }

  private async collect(): Promise<void> {
    try {
      for await (const event of this.watch) this.events.push(event);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.error = error;
    }
  }

  /** The revision of the last event, 0 before the first. */
  get revision(): number {
    return this.events.at(-1)?.revision ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch.return();
    await this.finished;
    await this.client.close();
  }
}

/** Observers of one subtree, spread over the nodes as their clients happen to choose. */
export class Observers implements AsyncDisposable {
  readonly all: Observer[] = [];
  private readonly cluster: LocalCluster;
  private readonly path: string;
  private readonly options: WatchOptions;

  constructor(cluster: LocalCluster, path: string, options: WatchOptions) {
    this.cluster = cluster;
    this.path = path;
    this.options = options;
  }

  async add(): Promise<void> {
    const client = await this.cluster.connect({ session: false });
    this.all.push(new Observer(client, this.path, this.options));
  }

  /** Kills the leader, once it is one that at least one observer watches through. Returns its index. */
  async killLeaderWatchedThrough(): Promise<number> {
    let leader = -1;
    await eventually(async () => {
      leader = await this.cluster.leader();
      const status = leader === -1 ? undefined : await this.cluster.status(leader);
      if (status !== undefined && status.watchCount > 0) return true;
      if (status !== undefined) await this.add();
      return false;
    }, "an observer at the leader");
    await this.cluster.kill(leader);
    return leader;
  }

  /** Waits until every observer has got an event of `revision`. */
  async waitFor(revision: number): Promise<void> {
    await eventually(() => {
      const ended = this.all.find(({ error }) => error !== undefined);
      if (ended !== undefined) throw new Error("a watch ended", { cause: ended.error });
      return this.all.every((observer) => observer.revision >= revision);
    }, `revision ${revision} at every observer`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((observer) => observer[Symbol.asyncDispose]()));
  }
}
