import type { PeerMessage } from "@quorate/proto";
import type { Logger } from "pino";
import type { Handshake } from "./handshake.js";
import { type Addresses, PeerLink } from "./peer-link.js";

/** A peer as this node dials it. */
export interface PeerAddress {
  readonly id: number;
  readonly name: string;
  readonly address: string;
  /** Where it was before a change of the configuration, and may still be. */
  readonly before?: readonly string[];
}

/** Links to callers that this node's configuration does not name: more than any change of members brings at once. */
const GUESTS_MAX = 16;

/** Who this node is to its peers, and whom it tells what becomes of the links. */
export interface PeersOptions {
  readonly self: Omit<Handshake, "to" | "address" | "readdressed">;
  readonly logger: Logger;
  /** Messages to the peer were or may have been lost. */
  readonly onLost: (peer: number) => void;
  /** A peer says that this node was removed from the cluster. */
  readonly onRemoved: (details: string) => void;
  /** A peer says that it knows this node's member as another data directory, or a newer copy. */
  readonly onEstranged: (details: string) => void;
}

/**
 * The outgoing links: to every other member of the configuration and, as guests, to callers that it does not name, since
 * a node that lags behind must be able to answer a leader it has never heard of, and a leader to tell a member that it
 * was removed. Messages queued in one turn of the event loop leave as one batch a peer.
 */
export class Peers {
  private readonly options: PeersOptions;
  private readonly links = new Map<number, PeerLink>();
  /** Links to peers that the configuration does not name: each for as long as its peer calls. */
  private readonly guests = new Set<number>();
  /** Where the configuration says that members are: what this node dials, but for what they say themselves. */
  private readonly configured = new Map<number, readonly string[]>();
  /** Where callers say that a change moved them: one whom this node misses the change of could not be answered else. */
  private readonly claims = new Map<number, string>();
  /** Streams that each caller has open to this node. */
  private readonly callers = new Map<number, number>();
  private readonly queued = new Map<number, PeerMessage[]>();
  private ownAddress = "";
  private readdressed = false;

  constructor(options: PeersOptions) {
    this.options = options;
  }

  /**
   * Dials these, of which none is this node; `ownAddress` is where they can dial this one, "" while that is not known, and
   * `readdressed` whether a change of the configuration put it there. Who was called under no address or another one is
   * called again: a node that lags behind has nothing else to answer by.
   */
  update(members: readonly PeerAddress[], ownAddress: string, readdressed = false): void {
    const moved = ownAddress !== "" && (ownAddress !== this.ownAddress || readdressed !== this.readdressed);
    if (moved) {
      this.ownAddress = ownAddress;
      this.readdressed = readdressed;
    }
    this.configured.clear();
    const wanted = new Set(members.map(({ id }) => id));
    for (const id of [...this.links.keys()]) {
      if (wanted.has(id) || this.guests.has(id)) continue;
      if (this.callers.has(id)) this.guests.add(id);
      else this.drop(id);
    }
    for (const { id, address, before = [] } of members) {
      this.configured.set(id, [address, ...before]);
      const wasGuest = this.guests.delete(id);
      const link = this.links.get(id);
      if (link !== undefined && !moved && (!wasGuest || link.address === address)) {
        link.mayBeAt(this.addressesOf(id, address));
        continue;
      }
      this.replace(id, address, wasGuest);
    }
    if (!moved) return;
    for (const id of [...this.guests]) {
      const link = this.links.get(id);
      if (link !== undefined) this.dialGuest(id, link.address);
    }
  }

  /**
   * A peer began to call: it can be dialled, so a broken link to it waits no longer. If the configuration does not name
   * it, it is answered where it says it can be dialled; if it does, but a change put the caller there that this node may
   * lack, it is looked for there as well.
   */
  greeted(id: number, address: string, readdressed = false): void {
    this.callers.set(id, (this.callers.get(id) ?? 0) + 1);
    const link = this.links.get(id);
    if (readdressed && address !== "") {
      this.claims.set(id, address);
      if (!this.guests.has(id)) link?.mayBeAt(this.addressesOf(id, link.address));
    } else this.claims.delete(id);
    if (address === "" || (link !== undefined && (!this.guests.has(id) || link.address === address))) {
      link?.wake();
      return;
    }
    if (link === undefined && this.guests.size >= GUESTS_MAX) {
      const [oldest] = this.guests;
      if (oldest !== undefined) this.drop(oldest);
    }
    this.dialGuest(id, address);
  }

  /** A peer's call ended. */
  left(id: number): void {
    const calls = (this.callers.get(id) ?? 0) - 1;
    if (calls > 0) {
      this.callers.set(id, calls);
      return;
    }
    this.callers.delete(id);
    this.claims.delete(id);
    if (this.guests.has(id)) this.drop(id);
  }

  /**
   * Calls a member anew, for another handshake or at another address. Where it was reached it is still looked for, and
   * first of all when it was there until now. What was on its way to it is lost.
   */
  private replace(id: number, address: string, wasGuest: boolean): void {
    const link = this.links.get(id);
    const reached = link?.reachedAt;
    const isThere = link?.isConnected === true && !wasGuest;
    this.drop(id);
    const first = isThere && reached !== undefined ? reached : address;
    this.dial(id, this.addressesOf(id, first, ...(reached === undefined ? [] : [reached])), reached);
    if (link !== undefined) this.options.onLost(id);
  }

  private dialGuest(id: number, address: string): void {
    this.drop(id);
    this.guests.add(id);
    this.dial(id, [address]);
  }

  /** Where a member may be: there first, then where the configuration, itself or `others` say. */
  private addressesOf(id: number, first: string, ...others: readonly string[]): Addresses {
    const claim = this.claims.get(id);
    const rest = [...(this.configured.get(id) ?? []), ...(claim === undefined ? [] : [claim]), ...others];
    return [first, ...new Set(rest.filter((address) => address !== first))];
  }

  private dial(id: number, addresses: Addresses, reached?: string): void {
    const { self, logger, onLost, onRemoved, onEstranged } = this.options;
    const { ownAddress: address, readdressed } = this;
    const handshake = { ...self, to: id, address, readdressed };
    const listener = { onLost: () => onLost(id), onRemoved, onEstranged };
    const link = new PeerLink(addresses, handshake, logger, listener, { reached });
    this.links.set(id, link);
  }

  private drop(id: number): void {
    this.links.get(id)?.close();
    this.links.delete(id);
    this.guests.delete(id);
    this.queued.delete(id);
  }

  link(peer: number): PeerLink | undefined {
    return this.links.get(peer);
  }

  queue(peer: number, message: PeerMessage): void {
    const queue = this.queued.get(peer);
    if (queue === undefined) this.queued.set(peer, [message]);
    else queue.push(message);
  }

  /** Sends what was queued. */
  flush(): void {
    if (this.queued.size === 0) return;
    const batches = [...this.queued];
    this.queued.clear();
    for (const [peer, messages] of batches) this.links.get(peer)?.send(messages);
  }

  close(): void {
    for (const link of this.links.values()) link.close();
  }
}
