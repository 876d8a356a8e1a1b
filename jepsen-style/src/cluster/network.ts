import { type Direction, TcpProxy } from "./tcp-proxy.js";

/** A link between two nodes, in the direction of the messages. */
export interface Link {
  /** Name of the sender. */
  readonly from: string;
  /** Name of the receiver. */
  readonly to: string;
}

/** Every connection of a cluster, each through a proxy of its own: one per directed pair of nodes, one per node for clients. */
export class Network {
  readonly #names: readonly string[];
  /** By "from to": the proxy through which `from` dials `to`. */
  readonly #peers: ReadonlyMap<string, TcpProxy>;
  readonly #clients: ReadonlyMap<string, TcpProxy>;

  private constructor(
    names: readonly string[],
    peers: ReadonlyMap<string, TcpProxy>,
    clients: ReadonlyMap<string, TcpProxy>,
  ) {
    this.#names = names;
    this.#peers = peers;
    this.#clients = clients;
  }

  /** Opens the proxies in front of the nodes' ports, by name. */
  static async open(
    peerPorts: ReadonlyMap<string, number>,
    clientPorts: ReadonlyMap<string, number>,
  ): Promise<Network> {
    const names = [...peerPorts.keys()];
    const peers = new Map<string, TcpProxy>();
    const clients = new Map<string, TcpProxy>();
    for (const [to, port] of peerPorts) {
      for (const from of names) {
        if (from !== to) peers.set(`${from} ${to}`, await TcpProxy.open(port));
      }
    }
    for (const [name, port] of clientPorts) clients.set(name, await TcpProxy.open(port));
    return new Network(names, peers, clients);
  }

  /** Every directed link between nodes. */
  get links(): Link[] {
    return this.#names.flatMap((from) => this.#names.filter((to) => to !== from).map((to) => ({ from, to })));
  }

  /** Where `from` dials `to`. */
  peerAddress(from: string, to: string): string {
    return this.#peer(from, to).address;
  }

  /** Where clients dial the node. */
  clientAddress(name: string): string {
    return this.#client(name).address;
  }

  /**
   * Nothing that `from` sends reaches `to` until `unblock`: neither on connections that `from` dialed, nor back on
   * those that `to` dialed.
   */
  block({ from, to }: Link): void {
    this.#peer(from, to).hold("outbound");
    this.#peer(to, from).hold("inbound");
  }

  /** Ends one `block`. */
  unblock({ from, to }: Link): void {
    this.#peer(from, to).release("outbound");
    this.#peer(to, from).release("inbound");
  }

  /**
   * The connections that `from` dials to `to` fail alone, in these directions, until `unblockDialed`: those that `to` dials
   * go on. Bytes are held, new connections included.
   */
  blockDialed({ from, to }: Link, directions: readonly Direction[]): void {
    for (const direction of directions) this.#peer(from, to).hold(direction);
  }

  /** Ends one `blockDialed` of these directions. */
  unblockDialed({ from, to }: Link, directions: readonly Direction[]): void {
    for (const direction of directions) this.#peer(from, to).release(direction);
  }

  /** Resets the connections that `from` dialed to `to`. */
  sever({ from, to }: Link): void {
    this.#peer(from, to).sever();
  }

  /** Cuts the node off from its clients, both ways, until `unblockClients`. */
  blockClients(name: string): void {
    this.#client(name).hold("outbound");
    this.#client(name).hold("inbound");
  }

  /** Ends one `blockClients`. */
  unblockClients(name: string): void {
    this.#client(name).release("outbound");
    this.#client(name).release("inbound");
  }

  /** Resets the connections of the node's clients. */
  severClients(name: string): void {
    this.#client(name).sever();
  }

  /** Closes every proxy. */
  close(): void {
    for (const proxy of [...this.#peers.values(), ...this.#clients.values()]) proxy.close();
  }

  #peer(from: string, to: string): TcpProxy {
    const proxy = this.#peers.get(`${from} ${to}`);
    if (proxy === undefined) throw new Error(`no link from ${from} to ${to}`);
    return proxy;
  }

  #client(name: string): TcpProxy {
    const proxy = this.#clients.get(name);
    if (proxy === undefined) throw new Error(`no node ${name}`);
    return proxy;
  }
}
