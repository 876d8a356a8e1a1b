import { LeaseClock } from "../../../sdk/src/lease/lease-clock.js";
import type { OperationRunner } from "../../../sdk/src/session/operation.js";
import { currentWorld } from "../world/world.js";
import type { ClientContext } from "./client.js";

/** Part of the shortest TTL after which the next keepalive is sent: from what is usual to nearly too late. */
const cadences = [1 / 3, 0.6, 0.85];

/** Leases that one keepalive renews together, as a program that holds many would do it through the plain service. */
export class SharedKeepalives {
  readonly #context: ClientContext;
  readonly #runner: OperationRunner;
  /** Those that live as far as this client knows. */
  readonly #clocks = new Map<number, LeaseClock>();

  constructor(context: ClientContext, runner: OperationRunner) {
    this.#context = context;
    this.#runner = runner;
  }

  /** Grants some leases, renews them together for a while, then ends each or lets it run out. */
  async run(): Promise<void> {
    const { random, recorder, sleep, stopping } = this.#context;
    try {
      const ttlMs = random.pick([1_000, 1_000, 2_000, 4_000]);
      for (let left = random.integer(2, 4); left > 0; left--) await this.#grant(ttlMs);
      const pauseMs = ttlMs * random.pick(cadences);
      for (let left = random.integer(2, 6); left > 0 && this.#clocks.size > 0 && !stopping(); left--) {
        await sleep(pauseMs);
        await this.#renew(pauseMs);
      }
      for (const id of [...this.#clocks.keys()]) if (random.chance(0.5)) await this.#revoke(id);
    } catch (error) {
      recorder.failed("shared keepalives", error);
    } finally {
      for (const id of [...this.#clocks.keys()]) this.#letGo(id);
    }
  }

  async #grant(wishedMs: number): Promise<void> {
    const { quorate, recorder } = this.#context;
    const sentMs = currentWorld().nowMs;
    const sentAtMs = performance.now();
    const { id, ttlMs } = await quorate.grantLease(wishedMs);
    recorder.tell({ kind: "leaseGranted", lease: id, ttlMs, sentMs });
    this.#clocks.set(id, new LeaseClock(sentAtMs, ttlMs, () => this.#lost(id)));
  }

  /** A keepalive that fails is followed by the next one, or the clock says that it is too late. */
  async #renew(timeoutMs: number): Promise<void> {
    const { recorder } = this.#context;
    const sentMs = currentWorld().nowMs;
    const sentAtMs = performance.now();
    const ids = [...this.#clocks.keys()];
    if (ids.length === 0) return;
    const value = { $typeName: "quorate.v1.KeepAliveRequest" as const, leaseIds: ids.map(BigInt) };
    try {
      const ttlsMs = await this.#runner.run(
        { case: "keepAlive", value },
        (response) => (response.case === "keepAlive" ? response.value.ttlsMs.map(Number) : []),
        { timeoutMs },
      );
      for (const [at, id] of ids.entries()) {
        const ttlMs = ttlsMs[at] ?? 0;
        recorder.tell({ kind: "keepaliveAnswered", lease: id, sentMs, ttlMs, leases: ids.length });
        if (ttlMs > 0) this.#clocks.get(id)?.renew(sentAtMs, ttlMs);
        else this.#clocks.get(id)?.stop();
      }
    } catch (error) {
      recorder.failed("shared keepalives", error);
    }
  }

  async #revoke(id: number): Promise<void> {
    const { quorate, recorder } = this.#context;
    await quorate.revokeLease(id);
    recorder.tell({ kind: "leaseRevoked", lease: id });
    this.#letGo(id);
  }

  #letGo(id: number): void {
    this.#clocks.get(id)?.stop();
  }

  /** The lease may be over, and nobody keeps it alive from now on. */
  #lost(id: number): void {
    const { recorder } = this.#context;
    const clock = this.#clocks.get(id);
    if (!this.#clocks.delete(id)) return;
    recorder.tell({ kind: "leaseLost", lease: id });
    recorder.tell({ kind: "leaseLetGo", lease: id });
    clock?.stop();
  }
}
