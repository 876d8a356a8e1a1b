import type { Process } from "../world/process.js";
import type { Link, Network } from "./network.js";

/** HTTP/2 pings of one side. */
export interface Keepalive {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** What one side of a connection does with what arrives. */
export interface ConnectionHandler {
  /** The connection is gone, for `reason`. */
  broken(reason: string): void;
}

interface Segment {
  readonly label: string;
  readonly deliver: () => void;
  readonly detail: (() => string) | undefined;
}

interface Side {
  readonly process: Process;
  readonly keepalive: Keepalive;
  handler: ConnectionHandler | undefined;
  open: boolean;
  /** When the last segment towards the other side arrives: none overtakes another. */
  lastArrivalMs: number;
  /** Segments towards the other side that a blocked link holds back. */
  held: Segment[];
}

/** A TCP connection with HTTP/2 pings on it: ordered, lossless while it lives, and slow to notice a silent peer. */
export class Connection {
  readonly #network: Network;
  readonly #client: Side;
  readonly #server: Side;
  /** The ways of what the client sends, and of what comes back: the link between the hosts, and that of connections like it. */
  readonly #there: readonly [Link, Link];
  readonly #back: readonly [Link, Link];
  #stallCheck = false;
  /** No byte passes any more, and nobody is told. */
  #forgotten = false;

  constructor(
    network: Network,
    client: Process,
    server: Process,
    clientKeepalive: Keepalive,
    serverKeepalive: Keepalive,
  ) {
    this.#network = network;
    const side = (process: Process, keepalive: Keepalive): Side => ({
      process,
      keepalive,
      handler: undefined,
      open: true,
      lastArrivalMs: 0,
      held: [],
    });
    this.#client = side(client, clientKeepalive);
    this.#server = side(server, serverKeepalive);
    const [from, to] = [client.host, server.host];
    this.#there = [network.link(from, to), network.lane(from, to, "there")];
    this.#back = [network.link(to, from), network.lane(from, to, "back")];
    for (const link of [...this.#there, ...this.#back]) link.connections.add(this);
    for (const process of [client, server]) {
      process.onEnd.add((how) => {
        if (!this.#sideOf(process).open) return;
        this.#sideOf(process).open = false;
        // The kernel of a machine that lives says goodbye for a process that died; a dead machine says nothing.
        if (how === "exit") this.#sendClose(process, "connection reset");
        else this.stalled();
        this.#forgetIfOver();
      });
    }
  }

  /** Neither side can use it any more, as far as this end of the world knows. */
  get broken(): boolean {
    return !this.#client.open || !this.#server.open;
  }

  isOpen(process: Process): boolean {
    return this.#sideOf(process).open;
  }

  otherHost(process: Process): string {
    return this.#otherOf(process).process.host;
  }

  handle(process: Process, handler: ConnectionHandler): void {
    this.#sideOf(process).handler = handler;
  }

  #sideOf(process: Process): Side {
    return process === this.#client.process ? this.#client : this.#server;
  }

  #otherOf(process: Process): Side {
    return process === this.#client.process ? this.#server : this.#client;
  }

  #linksFrom(process: Process): readonly [Link, Link] {
    return process === this.#client.process ? this.#there : this.#back;
  }

  /** Whether what `process` sends now only waits. */
  holds(process: Process): boolean {
    return this.#forgotten || isBlocked(this.#linksFrom(process));
  }

  #latencyMs(process: Process): number {
    const [link, lane] = this.#linksFrom(process);
    return this.#network.latencyMs(link) + lane.extraMs;
  }

  /** How many segments of `process` are held back. */
  heldOf(process: Process): number {
    return this.#sideOf(process).held.length;
  }

  /** Sends a segment from `process`; `lossy` ones are subject to the network's message faults. */
  send(process: Process, label: string, deliver: () => void, lossy = false, detail?: () => string): void {
    const side = this.#sideOf(process);
    if (!side.open) return;
    this.#network.messages++;
    const segment: Segment = { label, deliver, detail };
    if (this.holds(process)) {
      side.held.push(segment);
      return;
    }
    if (!lossy) {
      this.#transmit(side, segment, 0);
      return;
    }
    const { random } = this.#network;
    const { lossRate, duplicationRate, reorderingRate } = this.#network.messageFaults;
    if (lossRate > 0 && random.chance(lossRate)) {
      this.#network.lost++;
      return;
    }
    const copies = duplicationRate > 0 && random.chance(duplicationRate) ? 2 : 1;
    if (copies === 2) this.#network.duplicated++;
    for (let copy = 0; copy < copies; copy++) {
      if (reorderingRate > 0 && (copy > 0 || random.chance(reorderingRate))) {
        this.#network.reordered++;
        this.#arrive(
          side,
          segment,
          this.#network.world.nowMs + this.#latencyMs(process) + random.exponential(50),
        );
      } else this.#transmit(side, segment, 0);
    }
  }

  #transmit(side: Side, segment: Segment, extraMs: number): void {
    const { world } = this.#network;
    const atMs = Math.max(side.lastArrivalMs, world.nowMs + this.#latencyMs(side.process) + extraMs);
    side.lastArrivalMs = atMs;
    this.#arrive(side, segment, atMs);
  }

  #arrive(side: Side, segment: Segment, atMs: number): void {
    const to = this.#otherOf(side.process);
    const deliver = (): void => {
      if (to.open) segment.deliver();
    };
    this.#network.world.at(atMs, to.process, segment.label, deliver, segment.detail, this);
  }

  /** `process` closes its end; the other side learns of it in order, after what was sent before. */
  close(process: Process, reason: string): void {
    const side = this.#sideOf(process);
    if (!side.open) return;
    this.#sendClose(process, reason);
    side.open = false;
    this.#forgetIfOver();
  }

  #sendClose(process: Process, reason: string): void {
    const side = this.#sideOf(process);
    const other = this.#otherOf(process);
    const segment: Segment = {
      label: "closed",
      deliver: () => this.#lose(other, reason),
      detail: undefined,
    };
    if (this.holds(process)) {
      side.held.push(segment);
      this.stalled();
    } else this.#transmit(side, segment, 0);
  }

  #lose(side: Side, reason: string): void {
    if (!side.open) return;
    side.open = false;
    this.#forgetIfOver();
    side.handler?.broken(reason);
  }

  #forgetIfOver(): void {
    if (this.#client.open || this.#server.open) return;
    if (!this.#forgotten && (this.#client.held.length > 0 || this.#server.held.length > 0)) return;
    for (const link of [...this.#there, ...this.#back]) link.connections.delete(this);
  }

  /** Something does not get through, or nobody answers: after a while the sides that still run notice. */
  stalled(): void {
    if (this.#stallCheck) return;
    this.#stallCheck = true;
    const { world, random } = this.#network;
    for (const side of [this.#client, this.#server]) {
      const { everyMs, timeoutMs } = side.keepalive;
      world.after(timeoutMs + random.between(0, everyMs), side.process, "keepalive", () => {
        this.#stallCheck = false;
        if (!side.open || !this.#silent(side)) return;
        this.close(side.process, "keepalive timed out elsewhere");
        side.handler?.broken("keepalive timed out");
      });
    }
  }

  /** Whether `side` gets no answer to a ping. */
  #silent(side: Side): boolean {
    const other = this.#otherOf(side.process).process;
    return (
      this.#forgotten ||
      isBlocked(this.#there) ||
      isBlocked(this.#back) ||
      !other.alive ||
      other.blockedUntilMs === Number.POSITIVE_INFINITY
    );
  }

  /** A way of it works again: what was held back goes out, some time later, unless something else holds it. */
  flowing(): void {
    for (const side of [this.#client, this.#server]) {
      if (side.held.length === 0 || this.holds(side.process)) continue;
      const delayMs = this.#network.random.between(0, RETRANSMIT_MAX_MS);
      for (const segment of side.held.splice(0)) this.#transmit(side, segment, delayMs);
    }
    this.#forgetIfOver();
  }

  /** Both sides are told that it is gone; what was on its way or held back is lost. */
  reset(): void {
    for (const side of [this.#client, this.#server]) {
      side.held = [];
      const { process } = side;
      this.#network.world.after(0, process, "reset", () => this.#lose(side, "connection reset"));
    }
  }

  /** No byte passes any more, for good. Each side finds out by its own pings, or never, if it sends none. */
  forgotten(): void {
    this.#forgotten = true;
    this.stalled();
  }
}

function isBlocked(links: readonly [Link, Link]): boolean {
  return links[0].blocked || links[1].blocked;
}

/** Milliseconds by which TCP tries again at the latest, once a link works again. */
const RETRANSMIT_MAX_MS = 400;
