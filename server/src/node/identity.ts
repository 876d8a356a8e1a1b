import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Logger } from "pino";
import { ConfigurationError, type MemberAddress, type ServerOptions } from "../config.js";
import type { DataDirectory } from "../storage/data-directory.js";
import { UnusableDataDirectory } from "../storage/errors.js";
import type { Identity } from "../storage/identity-file.js";
import { freshIncarnation } from "./incarnation.js";
import { joinCluster } from "./joining.js";

/** A number below 2^52 that stands for a text, the same on every node. */
function numberOf(text: string): number {
  return Number.parseInt(createHash("sha256").update(text).digest("hex").slice(0, 13), 16);
}

/** A cluster is its token and the names of its first members: addresses may differ from node to node. */
export function clusterIdOf(token: string, members: readonly MemberAddress[]): number {
  const names = members.map((member) => member.name).sort();
  return numberOf(`cluster\0${token}\0${names.join("\0")}`);
}

/** The id of one of a cluster's first members follows from its cluster and name. Never 0, which means nobody. */
export function memberIdOf(clusterId: number, name: string): number {
  return numberOf(`member\0${clusterId}\0${name}`) + 1;
}

/**
 * Whether a member is one of those that its cluster began with: their ids follow from their names, and those of later
 * members never do. So whoever knows a member knows this of it.
 */
export function isFirstMember(clusterId: number, id: number, name: string): boolean {
  return id === memberIdOf(clusterId, name);
}

/** Why a first member does not join, and what to do instead. */
export function firstMemberJoins(name: string): string {
  return `member "${name}" is one of the first members of the cluster, which may have voted already. If its data directory is lost, remove the member (\`quorate member remove ${name}\`), add it again (\`quorate member add ${name} PEER_HOST:PORT\`), and start its node with --join and an empty --data-dir; if it never took part, start it with --initial-cluster instead`;
}

/** The id of a member that is added later: of its name and chance, since its name may have been another's before. */
export function freshMemberId(name: string): number {
  return numberOf(`member\0${name}\0${randomBytes(16).toString("hex")}`) + 1;
}

/** What this node is, when it is one of the first members of a new cluster. */
function founderIdentity(options: ServerOptions): Identity {
  const { name, initialCluster, clusterToken } = options;
  const clusterId = clusterIdOf(clusterToken, initialCluster);
  const founders = initialCluster
    .map((member) => ({ ...member, id: memberIdOf(clusterId, member.name) }))
    .sort((a, b) => a.id - b.id);
  const memberId = memberIdOf(clusterId, name);
  if (!founders.some(({ id }) => id === memberId)) {
    throw new ConfigurationError(
      `--name ${name} is not in --initial-cluster (${initialCluster.map((member) => member.name).join(", ")})`,
    );
  }
  return { clusterId, memberId, name, incarnation: freshIncarnation(), standing: "fresh", founders };
}

/**
 * The identity of a data directory that was used before; undefined for a new one.
 * @throws UnusableDataDirectory when it is not this node's, or its member was removed.
 */
export function knownIdentity(directory: DataDirectory, options: ServerOptions): Identity | undefined {
  const { path, identityFile } = directory;
  if (!identityFile.exists) return undefined;
  const identity = identityFile.read();
  const { name, initialCluster, clusterToken } = options;
  // A member that was added later knows its cluster from the one that let it join: the flag is only its address book.
  if (initialCluster.length > 0 && identity.founders.length > 0) {
    const clusterId = clusterIdOf(clusterToken, initialCluster);
    if (clusterId !== identity.clusterId) {
      throw new UnusableDataDirectory(
        `${path} belongs to another cluster (${identity.clusterId}, this one is ${clusterId}): check --initial-cluster names and --cluster-token, or use another --data-dir`,
      );
    }
  }
  if (identity.name !== name) {
    throw new UnusableDataDirectory(
      `${path} belongs to node "${identity.name}", not to "${name}": use another --data-dir`,
    );
  }
  if (identity.standing === "removed") {
    throw new UnusableDataDirectory(
      `${path} belongs to a member that was removed from its cluster: add it again with \`quorate member add\`, and start it with an empty --data-dir`,
    );
  }
  if (identity.standing === "diverged") {
    throw new UnusableDataDirectory(
      `${path} holds a state that differed from that of a majority of its cluster: remove its member with \`quorate member remove\`, add it again, and start it with an empty --data-dir`,
    );
  }
  if (identity.standing === "formed" && !existsSync(directory.logFile)) {
    // Its votes and what it acknowledged are gone, though its identity is not.
    throw new UnusableDataDirectory(
      `${path} belongs to a member that took part, but holds no log.db: it is incomplete`,
    );
  }
  return identity;
}

/**
 * What this node is: as its data directory says, as a first member of a new cluster, or as the member that a cluster
 * which it joins says it is.
 */
export async function establishIdentity(
  directory: DataDirectory,
  known: Identity | undefined,
  options: ServerOptions,
  logger: Logger,
): Promise<Identity> {
  if (known !== undefined && (known.standing === "formed" || known.founders.length > 0)) return known;
  if (options.join.length > 0) {
    const { name, clientAdvertise: clientEndpoint, join: endpoints } = options;
    return await joinCluster({ name, clientEndpoint, endpoints }, directory.identityFile, known, logger);
  }
  if (known !== undefined) {
    throw new ConfigurationError(`${directory.path} has not joined its cluster yet: give --join again`);
  }
  if (options.initialCluster.length === 0) {
    throw new ConfigurationError(
      "give --initial-cluster for one of the first nodes of a new cluster, or --join for a node that was added to one",
    );
  }
  const identity = founderIdentity(options);
  directory.identityFile.write(identity);
  return identity;
}
