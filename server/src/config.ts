const values = {
  /** Bytes of a path: long enough for any sane hierarchy, short enough for an index of millions. */
  pathBytesMax: 1_024,
  /** Segments of a path: a change looks up watchers of every ancestor. */
  pathDepthMax: 64,
  /** Bytes of a value: coordination data, not blobs. */
  valueBytesMax: 1_048_576,
  /** Bytes of one request: a value and its surroundings, or a transaction of small ones. */
  requestBytesMax: 2_097_152,
  /** Operations of a transaction, nested ones and compares counted. */
  txnOperationsMax: 128,
  /** Nodes in one answer of a list, unless the call asks for fewer. */
  listNodesMax: 10_000,
  /** Bytes of keys and values in one answer: a few of the largest values, far below what a message may have. */
  answerBytesMax: 4_194_304,
  /** Leases in one answer: some 40 bytes each. */
  listLeasesMax: 100_000,
  /** Leases that one call may keep alive: the call goes on to the leader as one message. */
  keepAliveLeasesMax: 65_536,
  /** Bytes of one gRPC message either way, above every other bound. */
  grpcMessageBytesMax: 16_777_216,

  /** Milliseconds: shortest and longest lease. A shorter one would end at every election. */
  leaseTtlMinMs: 1_000,
  leaseTtlMaxMs: 86_400_000,
  /** Leases named in one command of the leader, to expire or with what they have left: a millisecond or two to apply. */
  leaseBatchMax: 1_000,
  /** Keys that one such command deletes, unless a single lease has more: some 10 ms to apply. */
  leaseBatchKeysMax: 4_096,
  /** Leases looked at in one tick of the lease clock, most of them renewed: some milliseconds. */
  leaseLooksMax: 10_000,
  /**
   * Milliseconds after which a new leader notes in the log what is left of leases nobody has renewed since: so soon that
   * leaders who follow each other quickly still let a lease end, so late that clients have come back by then.
   */
  leaseCheckpointFirstMs: 2_000,
  /** Milliseconds: TTL of a session that asks for none. */
  sessionTtlDefaultMs: 10_000,
  /** Operations of one session stream that wait for an answer. */
  sessionInFlightMax: 65_536,
  /** Bytes of answers in one message of a session stream before another is begun; a single answer may have more. */
  sessionReplyBytesMax: 1_048_576,
  /** Bytes of replies that the client of a stream has yet to take before no more is read from it or done for it. */
  streamUnsentBytesMax: 4_194_304,
  /** Operations in one message of a session stream. */
  sessionBatchOperationsMax: 8_192,

  /** Bytes and commands of one log entry: small enough to copy and fsync without a stall. */
  batchBytesMax: 1_048_576,
  batchCommandsMax: 512,
  /** Commands waiting at one node to be applied. Beyond it callers are told OVERLOADED. */
  pendingCommandsMax: 200_000,
  /** Reads waiting at one node for a read index. */
  pendingReadsMax: 200_000,

  /**
   * Milliseconds that a serializable read waits for its minimal revision before the node says that it is too far behind:
   * longer than a follower lags under load, no longer than a client of the SDK waits unless it is told to.
   */
  minRevisionWaitMs: 5_000,

  /** Bytes of entries in one AppendEntries. */
  appendBytesMax: 1_048_576,
  /** Unanswered AppendEntries to one follower. */
  appendInFlightMax: 256,
  /** Bytes proposed and not committed at a leader. */
  uncommittedBytesMax: 67_108_864,
  /** Bytes of recent log entries in memory. */
  logCacheBytesMax: 33_554_432,
  /** Bytes of committed entries applied before other work gets a turn. */
  applyBytesMax: 262_144,
  /** Bytes of unanswered AppendEntries to one follower. */
  appendInFlightBytesMax: 33_554_432,
  /** Bytes of messages put together in one gRPC message to a peer; a single message may have more. */
  peerBatchBytesMax: 2_097_152,
  /** Bytes queued for one peer before messages are dropped; Raft sends them again. */
  peerQueueBytesMax: 67_108_864,
  /** Bytes of them on the stream before the rest waits at this node, where heartbeats and keepalives overtake it. */
  peerAheadBytesMax: 1_048_576,
  /** Bytes of heartbeats and keepalives queued for one peer beyond the bound of the others: 10,000 or more of them. */
  peerUrgentBytesMax: 1_048_576,
  /** Bytes of one piece of a snapshot. */
  snapshotChunkBytesMax: 1_048_576,
  /** Milliseconds in which a piece of a snapshot must be acknowledged; beyond, the next follower gets its turn. */
  snapshotPieceTimeoutMs: 10_000,
  /** Milliseconds for the last piece: a large file is made durable, and the state in it read, before the answer. */
  snapshotInstallTimeoutMs: 60_000,
  /** Changes, leases or keys of a received state checked before other work gets a turn: some ten milliseconds. */
  snapshotVerifiedChangesMax: 2_048,
  /** Milliseconds for which the copy of a transfer that broke is kept, so that it can go on: a reboot of the follower. */
  snapshotKeptMs: 120_000,
  /** Milliseconds for which the log behind a snapshot is kept after its follower has it, so that it can catch up. */
  snapshotCatchUpMs: 30_000,

  /**
   * Milliseconds between two writes of the state to disk, and changes after which one is made earlier: few enough for
   * it to take some 3 ms of the event loop, so many that its fsync is shared.
   */
  flushIntervalMs: 500,
  flushChangesMax: 1_024,
  /** Entries kept in the log by default, and at least: with fewer, a short absence would cost a snapshot. */
  logEntriesKeptDefault: 20_000,
  logEntriesKeptMin: 100,
  /**
   * Entries kept behind a snapshot on its way, at least, while their bytes allow it: ten times the default, some minutes
   * of a busy cluster, in which the largest state is sent and read.
   */
  logEntriesHeldMin: 200_000,
  /** Bytes of entries kept in the log by default, whatever their number, and at least: one of the largest batches. */
  logBytesKeptDefault: 268_435_456,
  logBytesKeptMin: 1_048_576,
  /**
   * Bytes of one of the files that the log is made of: so many that a new one is rare, so few that one which is dropped
   * gives back room soon, and that a new node takes little.
   */
  logSegmentBytes: 16_777_216,
  /** Revisions of history kept by default, and at least; the leader compacts when a tenth more has piled up. */
  historyRevisionsKeptDefault: 100_000,
  historyRevisionsKeptMin: 100,
  /** Milliseconds for which history is kept by default, and at least: a day, so that yesterday's mistake can be undone. */
  historyKeptMsDefault: 86_400_000,
  historyKeptMsMin: 1_000,
  /** Bytes of keys, values and history in the store by default, and at least: well within the memory of a small machine. */
  spaceBytesMaxDefault: 2_147_483_648,
  spaceBytesMaxMin: 1_048_576,
  /** Shares of that space from which the older half of the history is compacted early, and all of it. */
  spaceTightRatio: 0.75,
  spaceFullRatio: 0.9375,
  /** Bytes of results a session keeps for retries: four of the largest answers. */
  sessionResultBytesMax: 16_777_216,

  /** Versions of a key in one answer of its history. */
  historyVersionsMax: 1_000,
  /** Keys of a subtree counted before other work gets a turn: some milliseconds. */
  statKeysMax: 4_096,
  /** Revisions as of which a subtree is counted before the call fails because each was compacted on the way. */
  statAttemptsMax: 10,
  /** States whose hash a node remembers, to compare them with the leader's: about a second of the highest load. */
  stateHashesKept: 4_096,
  /** Comparisons of states that wait for answers, or for their index. */
  stateSamplesKept: 64,

  /** Watches of one stream. */
  watchesPerStreamMax: 10_000,
  /** Changes examined for a lagging watch, and bytes in them, before other work gets a turn. */
  watchCatchUpChangesMax: 4_096,
  watchCatchUpBytesMax: 1_048_576,
  /** Changes fetched at once while it catches up: even if all are large, they fit in memory. */
  watchCatchUpFetchMax: 256,
  /** Bytes of events, or of a page of initial entries, in one reply of a watch; a single one may have more. */
  watchReplyBytesMax: 1_048_576,
  /** Entries in one page of a watch's initial snapshot. */
  watchInitialPageEntriesMax: 1_000,
  /**
   * Milliseconds in which a client that has too much to take must take something of it, or its watches are cancelled:
   * longer than any pause of a program that still lives, short enough that what waits for a dead one is given back.
   */
  watchStalledMs: 60_000,
  /** Milliseconds without events after which a watch that asked for progress gets a mark. */
  watchProgressIntervalMs: 5_000,

  /** Members of a cluster, learners included: each is sent the whole log by one leader. */
  membersMax: 16,

  /** Milliseconds a graceful shutdown may take. */
  shutdownGraceMs: 5_000,
};

/**
 * Every bound of the server in one place: name, unit, value, reason. What an operator may set is in ServerOptions;
 * the rest is fixed.
 */
export const bounds: Readonly<typeof values> = values;

/** One member as the command line names it. */
export interface MemberAddress {
  readonly name: string;
  /** host:port at which this node dials the member's peer port. */
  readonly address: string;
}

/** A host and port to listen on. Port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What an operator sets. */
export interface ServerOptions {
  readonly name: string;
  readonly dataDir: string;
  /**
   * The first members of a new cluster, this node included: three or five in production. Later where to dial members, by
   * name; may be empty then, as with `join`.
   */
  readonly initialCluster: readonly MemberAddress[];
  /** host:port of clients' ports of members of a cluster that exists, for a new node to join it; else empty. */
  readonly join: readonly string[];
  readonly clientListen: ListenAddress;
  readonly peerListen: ListenAddress;
  readonly httpListen: ListenAddress;
  /** host:port told to clients. */
  readonly clientAdvertise: string;
  readonly clusterToken: string;
  /** Milliseconds between heartbeats, 10 to 10,000. */
  readonly heartbeatMs: number;
  /** Milliseconds of silence after which a follower stands for election; at least five heartbeats. */
  readonly electionTimeoutMs: number;
  /** Revisions of history that stay readable behind the current one, from 100. */
  readonly historyRevisionsKept: number;
  /** Milliseconds for which history stays readable, from 1,000; 0 for no bound but the one of revisions. */
  readonly historyKeptMs: number;
  /** Bytes of keys, values and history in the store, 1 MiB or more; 0 for any number. The leader's counts for all nodes. */
  readonly spaceBytesMax: number;
  /** Entries kept in the log behind the durable state, for followers that were away for a while; 100 or more. */
  readonly logEntriesKept: number;
  /** Bytes of them kept at most, 1 MiB or more; with large entries this is the tighter bound. */
  readonly logBytesKept: number;
  readonly logLevel: LogLevel;
  /** Lines of text for people, or of JSON for a collector. */
  readonly logFormat: LogFormat;
  /** Test-only, from QUORATE_UNSAFE_TEST: reads skip ReadIndex and may be stale. */
  readonly unsafeSkipReadIndex: boolean;
  /** Test-only, and no flag: the command format of the older version that this node passes for. */
  readonly commandFormat?: number;
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** A flag, address or data directory that the server cannot start with. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** Parses "host:port". */
export function parseListenAddress(text: string, flag: string): ListenAddress {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2]);
  if (host === undefined || !(port <= 65_535)) {
    throw new ConfigurationError(`${flag} must be host:port, for example 127.0.0.1:7400; got "${text}"`);
  }
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}

/** Whether a text can be a member's name. */
export function isMemberName(text: string): boolean {
  return /^[\w.-]{1,64}$/.test(text);
}

/** Parses "host:port,host:port". */
export function parseJoin(text: string): string[] {
  const endpoints = text.split(",").map((part) => part.trim());
  for (const endpoint of endpoints) parseListenAddress(endpoint, "--join");
  return endpoints;
}

/** Parses "n1=host:port,n2=host:port,n3=host:port". */
export function parseInitialCluster(text: string): MemberAddress[] {
  const members: MemberAddress[] = [];
  for (const part of text.split(",")) {
    const [name, address, ...rest] = part.split("=").map((piece) => piece.trim());
    if (!name || !address || rest.length > 0 || !isMemberName(name)) {
      throw new ConfigurationError(
        `--initial-cluster must be name=host:port,name=host:port,…; cannot read "${part}"`,
      );
    }
    parseListenAddress(address, `--initial-cluster ${name}`);
    if (members.some((member) => member.name === name)) {
      throw new ConfigurationError(`--initial-cluster names "${name}" twice`);
    }
    members.push({ name, address });
  }
  return members;
}

/** What --cluster-token is unless it is given. */
export const CLUSTER_TOKEN_DEFAULT = "quorate";

/** Checks what the options say together. */
export function checkOptions(options: ServerOptions): void {
  if (!isMemberName(options.name)) {
    throw new ConfigurationError(
      `--name must be 1 to 64 letters, digits, "_", "." or "-"; got "${options.name}"`,
    );
  }
  if (options.initialCluster.length > 0 && options.join.length > 0) {
    throw new ConfigurationError(
      "--initial-cluster is for the first nodes of a new cluster, --join for a node added later: give one of them",
    );
  }
  if (!(options.heartbeatMs >= 10 && options.heartbeatMs <= 10_000)) {
    throw new ConfigurationError(`--heartbeat-ms must be between 10 and 10000; got ${options.heartbeatMs}`);
  }
  if (!(options.electionTimeoutMs >= 5 * options.heartbeatMs && options.electionTimeoutMs <= 60_000)) {
    throw new ConfigurationError(
      `--election-timeout-ms must be at least five heartbeats (${5 * options.heartbeatMs}) and at most 60000; got ${options.electionTimeoutMs}`,
    );
  }
  const { logEntriesKept } = options;
  if (!Number.isSafeInteger(logEntriesKept) || logEntriesKept < bounds.logEntriesKeptMin) {
    throw new ConfigurationError(
      `--log-entries-kept must be a whole number from ${bounds.logEntriesKeptMin}; got ${logEntriesKept}`,
    );
  }
  const { logBytesKept } = options;
  if (!Number.isSafeInteger(logBytesKept) || logBytesKept < bounds.logBytesKeptMin) {
    throw new ConfigurationError(
      `--log-bytes-kept must be a whole number from ${bounds.logBytesKeptMin}; got ${logBytesKept}`,
    );
  }
  const { historyRevisionsKeptMin } = bounds;
  if (
    !Number.isSafeInteger(options.historyRevisionsKept) ||
    options.historyRevisionsKept < historyRevisionsKeptMin
  ) {
    throw new ConfigurationError(
      `--history-revisions-kept must be a whole number from ${historyRevisionsKeptMin}; got ${options.historyRevisionsKept}`,
    );
  }
  checkOrZero("--history-kept-ms", options.historyKeptMs, bounds.historyKeptMsMin);
  checkOrZero("--space-bytes-max", options.spaceBytesMax, bounds.spaceBytesMaxMin);
  parseListenAddress(options.clientAdvertise, "--client-advertise");
}

function checkOrZero(flag: string, value: number, min: number): void {
  if (value === 0 || (Number.isSafeInteger(value) && value >= min)) return;
  throw new ConfigurationError(`${flag} must be 0 for no bound, or a whole number from ${min}; got ${value}`);
}
