import type { Logger } from "pino";
import { ConfigurationError } from "../config.js";
import { UnusableDataDirectory } from "../storage/errors.js";
import type { Identity, IdentityFile } from "../storage/identity-file.js";
import { askToJoin } from "../transport/join-call.js";
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
 * @throws ConfigurationError when the cluster has no such member, UnusableDataDirectory when it is another directory's.
 */
export async function joinCluster(
  options: JoinOptions,
  file: IdentityFile,
  before: Identity | undefined,
  logger: Logger,
): Promise<Identity> {
  const { name, clientEndpoint } = options;
  const identity = before ?? (await beginJoining(options, file, logger));
  const { incarnation } = identity;
  const { clusterId, member } = await askAny(
    options.endpoints,
    { name, incarnation, clientEndpoint },
    logger,
  );
  if (Number(clusterId) !== identity.clusterId || Number(member?.memberId ?? 0) !== identity.memberId) {
    throw new UnusableDataDirectory(
      `the data directory was to join as member ${identity.memberId} of cluster ${identity.clusterId}, which is not the member ${name} any more: use an empty --data-dir`,
    );
  }
  logger.info({ clusterId: identity.clusterId, memberId: identity.memberId }, "joined the cluster");
  return identity;
}

async function beginJoining(options: JoinOptions, file: IdentityFile, logger: Logger): Promise<Identity> {
  const { name, clientEndpoint } = options;
  const { clusterId, member } = await askAny(
    options.endpoints,
    { name, incarnation: "", clientEndpoint },
    logger,
  );
  const identity: Identity = {
    clusterId: Number(clusterId),
    memberId: Number(member?.memberId ?? 0),
    name,
    incarnation: freshIncarnation(),
    standing: "fresh",
    founders: [],
  };
  file.write(identity);
  return identity;
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
