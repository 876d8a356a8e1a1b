import { CompareFailed, OutcomeUnknown, type Quorate } from "@quorate/sdk";
import { sleep } from "./local-cluster.js";

/** Clients that increment counters of their own, one increment after the other, until they are told to stop. */
export class Load implements AsyncDisposable {
  private readonly clients: readonly Quorate[];
  private readonly running: Promise<void>[];
  private readonly acknowledged: number[];
  private readonly unknown: number[];
  private stopped = false;
  /** The longest that an increment took, in milliseconds. */
  slowestMs = 0;

  constructor(clients: readonly Quorate[]) {
    this.clients = clients;
    this.acknowledged = clients.map(() => 0);
    this.unknown = clients.map(() => 0);
    this.running = clients.map((client, i) => this.run(client, i));
  }

  /** Increments acknowledged so far. */
  get count(): number {
    return this.acknowledged.reduce((sum, count) => sum + count, 0);
  }

  private async run(client: Quorate, i: number): Promise<void> {
    const path = `/load/${i}`;
    while (!this.stopped) {
      const startMs = performance.now();
      try {
        const entry = await client.get(path);
        const next = Number(entry?.text() ?? 0) + 1;
        await client.put(path, String(next), { ifModRevision: entry?.modRevision ?? 0 });
        this.acknowledged[i] = (this.acknowledged[i] ?? 0) + 1;
      } catch (error) {
        if (error instanceof OutcomeUnknown) this.unknown[i] = (this.unknown[i] ?? 0) + 1;
        else if (!(error instanceof CompareFailed)) throw error;
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      await sleep(2);
    }
  }

  /** Stops, and checks that every acknowledged increment is in its counter, and nothing that was not asked for. */
  async stopAndVerify(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
    for (const [i, client] of this.clients.entries()) {
      const counted = Number((await client.get(`/load/${i}`))?.text() ?? 0);
      const least = this.acknowledged[i] ?? 0;
      const most = least + (this.unknown[i] ?? 0);
      if (counted < least || counted > most) {
        throw new Error(
          `counter ${i} stands at ${counted}, acknowledged were ${least}, unknown ${most - least}`,
        );
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.running);
    await Promise.all(this.clients.map((client) => client.close()));
  }
}
