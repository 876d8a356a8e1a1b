import { Random } from "../world/random.js";
import { type Calm, drawCalms } from "./calm.js";
import { type FaultKind, swarmFaultKinds } from "./fault-kinds.js";
import { type DrawnBounds, drawBounds, productionBounds } from "./server-bounds.js";
import { concentrate, drawTheme, type Theme } from "./themes.js";
import { drawVersions, mixed, type Versions } from "./versions.js";

const workloadKinds = ["registers", "strings", "watches", "locks", "leases", "elections"] as const;

/** Those that are drawn aside, each for so many of the runs. */
const rareWorkloads = { sentinels: 0.2 } as const;

/**
 * Bursts and load only where a run concentrates on what they may do: puts without a pause by several clients are more than
 * the slowest disks and processes of other runs take in, and no bound of a calm would hold for them.
 */
export type WorkloadKind = (typeof workloadKinds)[number] | keyof typeof rareWorkloads | "bursts" | "load";

/** One run, whole: the same options give the same run. */
export interface SimulationOptions {
  readonly seed: number;
  /** What the run concentrates on. */
  readonly theme: Theme;
  /** Nodes of the first configuration. */
  readonly nodes: number;
  readonly clients: number;
  /** True milliseconds with faults. */
  readonly safetyMs: number;
  /** True milliseconds that everything healed may take to converge. */
  readonly livenessMs: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** One way's time on a link, and what is added to it at random. */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Rates of loss, duplication and reordering of Raft's messages. */
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly reorderingRate: number;
  /** Rate of those that come once more, up to seconds later. */
  readonly replayRate: number;
  /** Whether messages are encoded and decoded on their way. */
  readonly encoding: boolean;
  /** Each node's own, drawn from these: operators do not always set them alike. */
  readonly logEntriesKept: readonly number[];
  /** Bytes in one AppendEntries: 1 for an entry each. */
  readonly appendBytesMax: number;
  /** Bounds of the servers, small or as in production. */
  readonly bounds: DrawnBounds;
  /** Reads that may wait at a server. */
  readonly pendingReadsMax: number;
  readonly logBytesKept: number;
  readonly historyRevisionsKept: number;
  /** Milliseconds for which history is kept; 0 for no bound. */
  readonly historyKeptMs: number;
  /** Bytes that the store may take; 0 for any number. */
  readonly spaceBytesMax: number;
  /** Local milliseconds in a true one differ from 1 by at most this, at every process. */
  readonly clockDriftMax: number;
  /** Mean milliseconds between two turns of a server's event loop: a busy machine. */
  readonly turnDelayMs: number;
  /** Whether an administrator may begin a change of the membership while another is under way. */
  readonly concurrentChanges: boolean;
  /** Which versions nodes are of. */
  readonly versions: Versions;
  /** Milliseconds that an ordinary sync of the disk takes at most. */
  readonly syncMs: number;
  /** Whether all nodes come back at the end, or only a majority of the voters. */
  readonly healAll: boolean;
  /** Whether every node loses its power at once before that. */
  readonly powerCycle: boolean;
  /** Milliseconds after which leaders follow each other once everything is healed; 0 when one leads for good. */
  readonly leadershipMs: number;
  /** Whether a first member loses its disk as soon as there is a leader, and comes back as one that joins. */
  readonly losesDiskEarly: boolean;
  /** Mean milliseconds between two operations of a client. */
  readonly thinkMs: number;
  /** Mean milliseconds between two acts of vandalism of a client, on entries of locks and elections; 0 for none. */
  readonly vandalMs: number;
  readonly sessionTtlMs: number;
  /** How long faults last, in parts of what is usual. */
  readonly tempo: number;
  /** Mean milliseconds between two faults of a kind; a kind that is missing does not happen. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly workloads: readonly WorkloadKind[];
  /** Stretches without faults, beside the time with them. */
  readonly calms: readonly Calm[];
}

/** What a caller of the simulation may fix instead of drawing it. */
export type Overrides = Partial<SimulationOptions>;

/**
 * For how long leaders may lead that follow each other, in milliseconds: each takes at least half of its time in office
 * from what is left of a lease once it leads for two seconds, and some are shorter than the longest TTL.
 */
const leaderships = [0, 3_000, 5_000];

/** Milliseconds with faults, unless a theme takes more. */
const SAFETY_MS = 20_000;
/** Any number that no other fork of the options' source has. */
const VERSIONS_SALT = 1;
const ROTATION_SALT = 2;
const VANDAL_SALT = 3;
const WORKLOADS_SALT = 4;

/** Draws a run's options from its seed: which faults happen at all, how often, on what network and disk. */
export function drawOptions(seed: number, overrides: Overrides = {}): SimulationOptions {
  const random = new Random(seed * 2 + 1);
  const nodes = random.chance(0.7) ? 3 : 5;
  // From a fault now and then to a storm, in which elections follow each other.
  const tempo = random.pick([1, 1, 0.4, 0.15]);
  const density = random.pick([0.2, 0.4, 0.6]);
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of swarmFaultKinds) {
    if (random.chance(density)) faults[kind] = random.pick([2_000, 4_000, 8_000]) * tempo;
  }
  const workloads: WorkloadKind[] = workloadKinds.filter(() => random.chance(0.5));
  const aside = random.fork(WORKLOADS_SALT);
  const rare = Object.entries(rareWorkloads).flatMap(([kind, share]) =>
    aside.chance(share) ? [kind as WorkloadKind] : [],
  );
  const messy = random.chance(0.4);
  const drawn: SimulationOptions = {
    seed,
    theme: drawTheme(random),
    nodes,
    clients: random.integer(2, 4),
    safetyMs: SAFETY_MS,
    livenessMs: 60_000,
    heartbeatMs: 100,
    electionTimeoutMs: random.pick([500, 500, 1_000]),
    latencyMs: random.pick([0.3, 1, 5]),
    jitterMs: random.pick([0.1, 1, 10]),
    lossRate: messy ? random.pick([0, 0.01, 0.1]) : 0,
    duplicationRate: messy ? random.pick([0, 0.02, 0.1]) : 0,
    reorderingRate: messy ? random.pick([0, 0.05, 0.2]) : 0,
    replayRate: random.pick([0, 0, 0, 0.002, 0.02]),
    encoding: random.chance(0.1),
    logEntriesKept: random.pick([[5], [5, 20, 100], [5, 1_000], [100], [1_000]]),
    appendBytesMax: random.pick([1, 300, 1_048_576]),
    bounds: drawBounds(random),
    pendingReadsMax: productionBounds.pendingReadsMax,
    logBytesKept: random.pick([2_000, 100_000_000]),
    historyRevisionsKept: random.pick([5, 20, 1_000]),
    clockDriftMax: random.pick([0, 0, 0.01, 0.1]),
    turnDelayMs: random.pick([0, 0, 0.2, 3]),
    concurrentChanges: random.chance(0.3),
    versions: drawVersions(random.fork(VERSIONS_SALT)),
    tempo,
    syncMs: random.pick([0.5, 2, 10]),
    healAll: random.chance(0.8),
    powerCycle: random.chance(0.15),
    leadershipMs: random.fork(ROTATION_SALT).pick(leaderships),
    losesDiskEarly: false,
    thinkMs: random.pick([100, 250, 600]),
    vandalMs: random.fork(VANDAL_SALT).pick([0, 0, 0, 500, 2_000]),
    sessionTtlMs: random.pick([1_500, 3_000, 6_000]),
    faults,
    workloads: workloads.length === 0 ? ["registers"] : [...workloads, ...rare],
    calms: drawCalms(random, SAFETY_MS),
    historyKeptMs: random.pick([0, 1_000, 5_000]),
    spaceBytesMax: random.pick([0, 50_000, 2_147_483_648]),
  };
  const theme = overrides.theme ?? drawn.theme;
  const concentrated = { ...drawn, theme, ...concentrate(theme, random) };
  const versions = overrides.versions ?? drawn.versions;
  const { workloads: chosen } = concentrated;
  // Where nobody queues there is nothing to break.
  const vandalMs = chosen.includes("locks") || chosen.includes("elections") ? concentrated.vandalMs : 0;
  return { ...concentrated, vandalMs, ...mixed(concentrated, versions), ...overrides, seed };
}
