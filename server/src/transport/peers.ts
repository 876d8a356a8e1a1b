import type { PeerMessage } from "@quorate/proto";
import type { Logger } from "pino";
import { PeerLink } from "./peer-link.js";

/** A peer as this node dials it. */
export interface PeerAddress {
  readonly id: number;
  readonly name: string;
  readonly address: string;
}

/** The outgoing links to every peer. Messages queued in one turn of the event loop leave as one batch a peer. */
export class Peers {
  readonly list: readonly PeerAddress[];
  private readonly links = new Map<number, PeerLink>();
  private readonly queued = new Map<number, PeerMessage[]>();

  /** `onLost` is called with a peer to which messages were or may have been lost. */
  constructor(
    list: readonly PeerAddress[],
    clusterId: number,
    self: number,
    logger: Logger,
    onLost: (peer: number) => void,
  ) {
    this.list = list;
    for (const { id, address } of list) {
      const handshake = { clusterId, from: self, to: id };
      this.links.set(id, new PeerLink(address, handshake, logger, () => onLost(id)));
    }
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
