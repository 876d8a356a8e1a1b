import type { Logger } from "pino";
import { ConfigurationError } from "../config.js";
import { type DataDirectory, emptyDataDirectory } from "../storage/data-directory.js";
import type { Identity, IdentityFile } from "../storage/identity-file.js";
import { askToJoin } from "../transport/join-call.js";
import { memberWords } from "./directory-words.js";
import { firstMemberJoins, isFirstMember } from "./first-members.js";
import { freshIncarnation } from "./incarnation.js";

/** Milliseconds between two rounds of questions. */
const RETRY_MS = 500;
/** Rounds without an answer between two lines in the log. */
const ROUNDS_A_LINE = 10;

/** What a node needs to join a cluster that exists. */
export interface JoinOptions {
  readonly name: string;
  readonly clientEndpoint: string;
  /** Client endpoints of members, any of which may be asked. */
  readonly endpoints: readonly string[];
}

/**
 * Makes a fresh data directory the member that was added under this node's name, in three steps of which each may be
 * repeated after a crash: the cluster says which member it is; the directory notes that, and its own incarnation,
 * durably; the cluster notes the incarnation in its log, as the member's for ever. Only then does the node take part, so
 * no second directory ever votes under one id.
 *
 * What is refused leaves nothing behind: the next start asks anew, since the member may have been added by then.
 * @throws ConfigurationError when the cluster has no such member, or it is another directory's.
 */
export async function joinCluster(
  options: JoinOptions,
  directory: DataDirectory,
  before: Identity | undefined,
  logger: Logger,
): Promise<Identity> {
  const file = directory.identityFile;
  const noted = before ?? (await beginJoining(options, file, logger));
  try {
    const identity = await ask(options, noted.incarnation, logger);
    // Removed and added again under its name since it asked: the claim that was just made is the new member's.
    if (!isSame(identity, noted)) file.write(identity);
    const { clusterId } = identity;
    logger.info({ clusterId, directory: directory.path }, `joined the cluster as ${memberWords(identity)}`);
    return identity;
  } catch (error) {
    if (error instanceof ConfigurationError) emptyDataDirectory(directory, noted);
    throw error;
  }
}

async function beginJoining(options: JoinOptions, file: IdentityFile, logger: Logger): Promise<Identity> {
  const identity = { ...(await ask(options, "", logger)), incarnation: freshIncarnation() };
  file.write(identity);
  return identity;
}

/** Who this node is, as a member of the cluster says; with an incarnation, claimed for it. */
async function ask(
  { name, clientEndpoint, endpoints }: JoinOptions,
  incarnation: string,
  logger: Logger,
): Promise<Identity> {
  const { clusterId, member } = await askAny(endpoints, { name, incarnation, clientEndpoint }, logger);
  const identity: Identity = {
    clusterId: Number(clusterId),
    memberId: Number(member?.memberId ?? 0),
    name,
    incarnation,
    standing: "fresh",
    starts: 0,
    nonces: [],
    founders: [],
  };
  // An older version gives any member away whose record is not in the log.
  if (isFirstMember(identity.clusterId, identity.memberId, name)) {
    throw new ConfigurationError(`--join ${endpoints.join(",")}: ${firstMemberJoins(name)}`);
  }
  return identity;
}

function isSame(one: Identity, other: Identity): boolean {
  return one.clusterId === other.clusterId && one.memberId === other.memberId;
}

async function askAny(
  endpoints: readonly string[],
  request: Parameters<typeof askToJoin>[1],
  logger: Logger,
): Promise<Extract<Awaited<ReturnType<typeof askToJoin>>, { kind: "answered" }>["response"]> {
  for (let round = 0; ; round++) {
    const problems: Record<string, string> = {};
    for (const endpoint of endpoints) {
      const answer = await askToJoin(endpoint, request);
      if (answer.kind === "answered") return answer.response;
      if (answer.kind === "refused") throw new ConfigurationError(`--join ${endpoint}: ${answer.reason}`);
      problems[endpoint] = answer.reason;
    }
    if (round % ROUNDS_A_LINE === 0) logger.info({ problems }, "waiting for a member of the cluster to join");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
