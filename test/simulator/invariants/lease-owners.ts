import type { ClientEvent } from "../observation.js";

type LeaseEvent = Extract<ClientEvent, { lease: number }>;

interface Holding {
  readonly client: string;
  /** Since when its client knows of it, in true time. */
  readonly sinceMs: number;
  /** Since when its client keeps it alive no more, in true time; undefined while it does. */
  releasedMs: number | undefined;
  /** Whether its client was told that it may have ended, or ended it itself. */
  told: boolean;
}

/** Who keeps which lease alive, and who was told that it may have ended, as far as clients say. */
export class LeaseOwners {
  readonly #holdings = new Map<number, Holding>();

  // By client: when it last ran again after a pause.
  readonly #resumedMs = new Map<string, number>();

  /** A client holds a lease, or its session. */
  holds(client: string, lease: number, trueMs: number): void {
    if (this.#holdings.has(lease)) return;
    this.#holdings.set(lease, { client, sinceMs: trueMs, releasedMs: undefined, told: false });
  }

  /** A client runs again after a pause. */
  resumed(client: string, trueMs: number): void {
    this.#resumedMs.set(client, trueMs);
  }

  /** Since when the client of a lease has known of it and run without a pause, in true time. */
  attentiveSinceMs(lease: number): number {
    const holding = this.#holdings.get(lease);
    if (holding === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(holding.sinceMs, this.#resumedMs.get(holding.client) ?? 0);
  }

  event(event: LeaseEvent): void {
    switch (event.kind) {
      case "leaseGranted":
        this.holds(event.client, event.lease, event.trueMs);
        return;
      case "leaseLetGo":
        this.#released(event.lease, event.trueMs);
        return;
      case "leaseRevoked":
        this.#released(event.lease, event.trueMs);
        this.#told(event.lease);
        return;
      case "leaseLost":
        this.#told(event.lease);
        return;
      case "keepaliveAnswered":
        return;
    }
  }

  /** A client is gone or closed, and keeps nothing alive any more. */
  ended(client: string, trueMs: number): void {
    for (const holding of this.#holdings.values()) {
      if (holding.client === client) holding.releasedMs ??= trueMs;
    }
  }

  /** Since when nobody keeps a lease alive: 0 when nobody ever learned of it; undefined while somebody does. */
  ownerlessSinceMs(lease: number): number | undefined {
    const holding = this.#holdings.get(lease);
    return holding === undefined ? 0 : holding.releasedMs;
  }

  /** The living client that keeps a lease alive, whatever it was told. */
  keeper(lease: number): string | undefined {
    const holding = this.#holdings.get(lease);
    return holding?.releasedMs === undefined ? holding?.client : undefined;
  }

  /** The living client that keeps a lease alive and was never told that it may have ended. */
  unaware(lease: number): string | undefined {
    const holding = this.#holdings.get(lease);
    if (holding === undefined || holding.told || holding.releasedMs !== undefined) return undefined;
    return holding.client;
  }

  #released(lease: number, trueMs: number): void {
    const holding = this.#holdings.get(lease);
    if (holding !== undefined) holding.releasedMs ??= trueMs;
  }

  #told(lease: number): void {
    const holding = this.#holdings.get(lease);
    if (holding !== undefined) holding.told = true;
  }
}
