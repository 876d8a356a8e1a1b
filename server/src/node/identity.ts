import type { Logger } from "pino";
import { CLUSTER_TOKEN_DEFAULT, ConfigurationError, type ServerOptions } from "../config.js";
import { type DataDirectory, emptyDataDirectory } from "../storage/data-directory.js";
import { UnusableDataDirectory } from "../storage/errors.js";
import type { Identity } from "../storage/identity-file.js";
import { NONCES_MAX } from "../transport/life.js";
import { addWords, disownedWords, memberWords, replaceWords } from "./directory-words.js";
import { clusterIdOf, memberIdOf } from "./first-members.js";
import { freshIncarnation, freshNonce } from "./incarnation.js";
import { joinCluster } from "./joining.js";

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
  return {
    clusterId,
    memberId,
    name,
    incarnation: freshIncarnation(),
    standing: "fresh",
    starts: 0,
    nonces: [],
    founders,
  };
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
  const member = memberWords(identity);
  const unused =
    identity.standing === "fresh" ? "; it never took part, so you may also delete what is in it" : "";
  // A member that was added later knows its cluster from the one that let it join: the flag is only its address book.
  if (initialCluster.length > 0 && identity.founders.length > 0) {
    const clusterId = clusterIdOf(clusterToken, initialCluster);
    if (clusterId !== identity.clusterId) {
      throw new UnusableDataDirectory(
        `${path} belongs to another cluster (${identity.clusterId}, this one is ${clusterId}), as its ${member}: check --initial-cluster names and --cluster-token, or use another --data-dir${unused}`,
      );
    }
  }
  if (identity.name !== name) {
    throw new UnusableDataDirectory(
      `${path} belongs to node "${identity.name}", not to "${name}" (it is that of ${member}): use another --data-dir${unused}`,
    );
  }
  switch (identity.standing) {
    case "removed":
      throw new UnusableDataDirectory(
        `${path} belongs to a member that was removed from its cluster, ${member}. To put its node back, ${addWords(name)}`,
      );
    case "diverged":
      throw new UnusableDataDirectory(
        `${path} holds a state that differed from that of a majority of its cluster, as ${member}: ${replaceWords(name)}`,
      );
    case "disowned":
      throw new UnusableDataDirectory(
        `${path} is not the newest directory of ${member}: its cluster heard another copy. ${disownedWords(name)}`,
      );
    case "formed":
      // Its votes and what it acknowledged are gone, though its identity is not.
      if (directory.hasLog) return identity;
      throw new UnusableDataDirectory(
        `${path} belongs to a member that took part, ${member}, but holds no log: it is incomplete. Put back the whole directory, or ${replaceWords(name)}`,
      );
    case "fresh":
      return identity;
  }
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
  if (known?.standing === "formed") {
    tellIgnored(directory, known, options, logger);
    return known;
  }
  if (options.join.length > 0) {
    const { name, clientAdvertise: clientEndpoint, join: endpoints } = options;
    // The old command line of a member that was removed may have been started on the directory since it was emptied.
    const isFounders = known !== undefined && known.founders.length > 0;
    if (isFounders) {
      logger.warn({ directory: directory.path }, `forgetting ${memberWords(known)}, which never took part`);
      emptyDataDirectory(directory, known);
    }
    const before = isFounders ? undefined : known;
    return await joinCluster({ name, clientEndpoint, endpoints }, directory, before, logger);
  }
  if (known !== undefined && known.founders.length > 0) return known;
  if (known !== undefined) {
    throw new ConfigurationError(
      `${directory.path} has not joined its cluster yet, as ${memberWords(known)}: give --join again`,
    );
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

/** Options that say who a node is to become are nothing to one that is somebody already. */
function tellIgnored(
  { path }: DataDirectory,
  known: Identity,
  { join, clusterToken }: ServerOptions,
  logger: Logger,
): void {
  const ignored = [
    ...(join.length > 0 ? ["--join"] : []),
    ...(known.founders.length === 0 && clusterToken !== CLUSTER_TOKEN_DEFAULT ? ["--cluster-token"] : []),
  ];
  if (ignored.length === 0) return;
  logger.warn(
    { directory: path },
    `${ignored.join(" and ")} ignored: ${path} is that of ${memberWords(known)}`,
  );
}

/** The identity with which a process goes on that is started on a directory. */
export function started(read: Identity): Identity {
  const nonces = [freshNonce(), ...read.nonces].slice(0, NONCES_MAX);
  return { ...read, starts: read.starts + 1, nonces };
}

/**
 * Counts a start on a directory, durably: before any peer hears of it, and once no other process has the directory.
 * @throws UnusableDataDirectory when another process used it since it was read.
 */
export function noteStart({ path, identityFile }: DataDirectory, read: Identity, now: Identity): void {
  const { incarnation, standing, starts } = identityFile.read();
  if (incarnation !== read.incarnation || standing !== read.standing || starts !== read.starts) {
    throw new UnusableDataDirectory(`${path} was in use by another process until now: start this one again`);
  }
  identityFile.write(now);
}
