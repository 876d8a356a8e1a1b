import type { ClientEvent } from "../observation.js";

type LeaseEvent = Extract<ClientEvent, { lease: number }>;

interface Holding {
  readonly client: string;
  /** Since when its client keeps it alive no more, in true time; undefined while it does. */
  releasedMs: number | undefined;
  /** Whether its client was told that it may have ended, or ended it itself. */
  told: boolean;
}

/** Who keeps which lease alive, and who was told that it may have ended, as far as clients say. */
export class LeaseOwners {
  readonly #holdings = new Map<number, Holding>();

  /** A client holds a lease, or its session. */
  holds(client: string, lease: number): void {
    if (this.#holdings.has(lease)) return;
    this.#holdings.set(lease, { client, releasedMs: undefined, told: false });
  }

  event(event: LeaseEvent): void {
    switch (event.kind) {
      case "leaseGranted":
        this.holds(event.client, event.lease);
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
