import type { Logger } from "pino";
import type { DataDirectory } from "../storage/data-directory.js";
import type { Identity } from "../storage/identity-file.js";
import { Peers } from "../transport/peers.js";
import { Formation } from "./formation.js";
import type { Node } from "./node.js";

/** From when a node listens to when it takes part in its cluster: at once, or when a new cluster has formed. */
export class Participation {
  private readonly node: Node;
  private readonly identity: Identity;
  private readonly directory: DataDirectory;
  private readonly logger: Logger;
  private formation: Formation | undefined;
  private stopped = false;

  constructor(node: Node, identity: Identity, directory: DataDirectory, logger: Logger) {
    this.node = node;
    this.identity = identity;
    this.directory = directory;
    this.logger = logger;
  }

  /**
   * Resolves when the node takes part. The other nodes must be able to reach this one by then.
   * @throws UnusableDataDirectory when the node has lost the data directory that its cluster knows it by.
   */
  async begin(): Promise<void> {
    const { node, identity, logger } = this;
    const { clusterId, memberId, incarnation, standing, founders } = identity;
    const [nonce = "", ...before] = identity.nonces;
    const life = { number: identity.starts, nonce, before };
    const self = { clusterId, from: memberId, incarnation, life };
    if (standing === "fresh" && founders.length > 0) {
      const others = node.roster.peersOf(node.roster.applied.configuration);
      const handshake = { ...self, address: node.peerAddress, readdressed: false };
      this.formation = new Formation(
        others,
        handshake,
        logger,
        (reason) => node.waitFor(reason),
        this.directory.path,
        identity,
      );
      await this.formation.run();
      if (this.stopped) return;
      if (founders.length > 1) logger.info("all members of the new cluster know each other");
    }
    if (standing === "fresh") {
      // Before the first vote, and after the log was made: from here on, a directory without one has lost it.
      this.directory.identityFile.write({ ...identity, standing: "formed" });
    }
    node.start(
      new Peers({
        self,
        logger,
        onLost: (peer) => node.lost(peer),
        onRemoved: (details) => node.removed(details),
        onEstranged: (details) => node.disowned(details),
      }),
    );
  }

  stop(): void {
    this.stopped = true;
    this.formation?.stop();
  }
}
