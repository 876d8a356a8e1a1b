import type { Random } from "../world/random.js";
import type { SimulationOptions, WorkloadKind } from "./options.js";
import { productionBounds } from "./server-bounds.js";
import { allNewest } from "./versions.js";

/** What a run concentrates on. */
export type Theme =
  | "everything"
  | "elections"
  | "staleLeaders"
  | "members"
  | "moves"
  | "watchers"
  | "snapshots"
  | "sessions"
  | "leases"
  | "queues"
  | "connections"
  | "load"
  | "minorities"
  | "identities"
  | "history";

/** How many of the runs concentrate on what. */
const shares: readonly (readonly [Theme, number])[] = [
  ["everything", 5],
  ["elections", 2],
  ["staleLeaders", 2],
  ["members", 2],
  ["moves", 1],
  ["watchers", 1],
  ["snapshots", 1],
  ["sessions", 1],
  ["leases", 1],
  ["queues", 1],
  ["connections", 1],
  ["load", 1],
  ["minorities", 1],
  ["identities", 1],
  ["history", 1],
];

export function drawTheme(random: Random): Theme {
  return random.pick(shares.flatMap(([theme, share]) => Array<Theme>(share).fill(theme)));
}

/**
 * Rare accidents need many faults of a few kinds in a row, which a swarm over all kinds seldom draws. Returns what it
 * takes to concentrate on a theme, over what was drawn for the run at large.
 */
export function concentrate(theme: Theme, random: Random): Partial<SimulationOptions> {
  return settings[theme](random);
}

const settings: Readonly<Record<Theme, (random: Random) => Partial<SimulationOptions>>> = {
  everything: () => ({}),
  /** Candidates without end, whose requests and answers come late, twice and in any order; logs that differ. */
  elections: (random) => ({
    electionTimeoutMs: 500,
    ...stormOfElections(random),
    ...(random.chance(0.25) ? lostElections : {}),
    workloads: ["registers"],
  }),
  /** Leaders that are not any more, and do not know it, with clients that ask them all the time. */
  staleLeaders: (random) => ({
    clients: 4,
    electionTimeoutMs: 500,
    tempo: random.pick([1, 0.4]),
    clockDriftMax: random.pick([0, 0.1]),
    thinkMs: random.pick([10, 30]),
    faults: {
      pause: random.pick([800, 2_000]),
      slowLink: random.pick([500, 1_500]),
      transfer: random.pick([500, 1_500]),
      newLeader: 2_000,
      ...(random.chance(0.7) ? { isolateLeader: 1_500 } : {}),
      ...(random.chance(0.5) ? { oneWay: 1_500 } : {}),
    },
    workloads: ["registers"],
  }),
  /** Changes of the membership, two at a time, while the leader may be cut off with too few of the others. */
  members: (random) => ({
    electionTimeoutMs: 500,
    tempo: random.pick([1, 0.4]),
    concurrentChanges: true,
    thinkMs: 100,
    ...(random.chance(0.5) ? contested(random) : swarmOfChanges(random)),
    workloads: ["registers"],
  }),
  /** Members that get other addresses, of which others do not hear in time, and lead soon afterwards. */
  moves: (random) => ({
    nodes: random.chance(0.7) ? 3 : 5,
    electionTimeoutMs: 500,
    logEntriesKept: random.pick([[5], [1_000]]),
    faults: {
      move: random.pick([1_000, 3_000]),
      ...(random.chance(0.3) ? { kill: 3_000 } : {}),
      ...(random.chance(0.3) ? { partition: 3_000 } : {}),
      ...(random.chance(0.3) ? { transfer: 3_000 } : {}),
      ...(random.chance(0.2) ? { membership: 3_000 } : {}),
    },
    workloads: ["registers"],
  }),
  /** Watches that change their node all the time, over a history that forgets at once. */
  watchers: (random) => ({
    clients: 4,
    logEntriesKept: [5],
    historyRevisionsKept: random.pick([3, 5, 10]),
    thinkMs: random.pick([30, 100]),
    tempo: random.pick([1, 0.4]),
    faults: {
      kill: random.pick([1_000, 3_000]),
      slowLink: random.pick([800, 2_000]),
      ...(random.chance(0.7) ? { oneWay: 1_500 } : {}),
      ...(random.chance(0.7) ? { pause: 1_500 } : {}),
      ...(random.chance(0.5) ? { isolateLeader: 2_000 } : {}),
      ...(random.chance(0.5) ? { clientPause: 2_000 } : {}),
      ...(random.chance(0.5) ? { oneConnection: 1_500, halfOpen: 3_000 } : {}),
    },
    workloads: random.chance(0.5) ? ["watches", "registers"] : ["watches", "registers", "locks"],
  }),
  /** One connection of a pair that fails alone, for long and amid little else, so that leaders stay and followers wait. */
  connections: (random) => ({
    nodes: random.chance(0.7) ? 3 : 5,
    clients: 4,
    electionTimeoutMs: 500,
    tempo: random.pick([1, 3]),
    thinkMs: random.pick([100, 250]),
    faults: {
      oneConnection: random.pick([700, 1_500]),
      ...(random.chance(0.5) ? { halfOpen: 3_000 } : {}),
      ...(random.chance(0.2) ? { pause: 3_000 } : {}),
      ...(random.chance(0.2) ? { kill: 8_000 } : {}),
    },
    workloads: random.chance(0.5) ? ["watches", "registers"] : ["watches", "locks", "leases"],
  }),
  /** Logs so short that who was away for a moment needs a snapshot, on links so slow that leaders change meanwhile. */
  snapshots: (random) => ({
    nodes: random.chance(0.5) ? 5 : 3,
    electionTimeoutMs: 500,
    logEntriesKept: random.pick([[5], [5, 20], [5, 1_000]]),
    appendBytesMax: random.pick([1, 300]),
    thinkMs: random.pick([20, 50]),
    tempo: random.pick([0.4, 0.15]),
    replayRate: random.pick([0, 0.02, 0.1]),
    faults: {
      slowLink: random.pick([200, 500]),
      congestion: random.pick([1_000, 4_000]),
      newLeader: random.pick([200, 1_000]),
      isolateLeader: random.pick([500, 2_000]),
      ...(random.chance(0.5) ? { partition: 1_000 } : {}),
      ...(random.chance(0.5) ? { kill: 1_500 } : {}),
      ...(random.chance(0.3) ? { diskStall: 2_000 } : {}),
    },
    workloads: random.chance(0.5) ? ["registers"] : ["registers", "strings"],
  }),
  /** Short sessions on clusters of every size, under bursts and on nodes that hang, with nothing else to end them. */
  sessions: (random) => {
    const nodes = random.pick([1, 2, 3, 3, 4]);
    return {
      nodes,
      electionTimeoutMs: 500,
      sessionTtlMs: random.pick([1_000, 2_000, 5_000]),
      clockDriftMax: random.pick([0, 0.01]),
      lossRate: 0,
      duplicationRate: 0,
      reorderingRate: 0,
      replayRate: 0,
      healAll: true,
      powerCycle: false,
      pendingReadsMax: random.pick([3, productionBounds.pendingReadsMax]),
      thinkMs: random.pick([30, 100, 600]),
      faults: nodes >= 3 ? { hang: random.pick([500, 2_000]) } : {},
      workloads: random.pick<WorkloadKind[]>([
        ["bursts"],
        ["bursts", "leases"],
        ["registers", "locks", "leases"],
        ["registers", "elections", "leases"],
      ]),
    };
  },
  leases: lateRenewals,
  queues: brokenQueues,
  /** Puts without a pause, through accidents and a calm: what waits for a pause waits for ever. */
  load: (random) => ({
    clients: 1,
    electionTimeoutMs: 500,
    safetyMs: 5_000,
    latencyMs: random.pick([0.3, 1]),
    jitterMs: random.pick([0.1, 1]),
    syncMs: random.pick([0.5, 2]),
    lossRate: random.pick([0, 0, 0.02]),
    sessionTtlMs: 6_000,
    logEntriesKept: random.pick([[20], [1_000], [1_000]]),
    logBytesKept: 100_000_000,
    faults: random.chance(0.5) ? { kill: 1_000 } : { pause: 1_000, slowLink: 1_500 },
    workloads: ["load"],
    calms: [{ afterMs: random.pick([2_000, 5_000]), judgedMs: 5_000 }],
  }),
  /** A minority that is cut off for long, and nothing else: the others' clients get on, and its own are told. */
  minorities: (random) => ({
    nodes: random.chance(0.6) ? 3 : 5,
    clients: 4,
    electionTimeoutMs: 500,
    safetyMs: 40_000,
    lossRate: 0,
    clockDriftMax: random.pick([0, 0.01]),
    thinkMs: 250,
    faults: { minority: 2_000 },
    workloads: ["registers", "sentinels"],
    calms: [],
  }),
  identities: (random) => identities(random),
  /** Clusters that lose all their data, with clients that live on. Older versions know of no histories. */
  history: (random) => ({
    electionTimeoutMs: 500,
    thinkMs: random.pick([50, 200]),
    historyRevisionsKept: random.pick([5, 1_000]),
    versions: allNewest,
  }),
};

/** Leases that are renewed late, by leaders that follow each other, over commits that take long. */
function lateRenewals(random: Random): Partial<SimulationOptions> {
  return {
    clients: 4,
    electionTimeoutMs: random.pick([500, 1_000]),
    sessionTtlMs: random.pick([1_500, 6_000]),
    thinkMs: random.pick([50, 150]),
    tempo: random.pick([1, 0.4]),
    leadershipMs: random.pick([3_000, 5_000]),
    faults: {
      congestion: random.pick([1_000, 3_000]),
      transfer: random.pick([2_000, 4_000]),
      slowLink: random.pick([500, 2_000]),
      ...(random.chance(0.5) ? { diskStall: 1_500 } : {}),
      ...(random.chance(0.5) ? { isolateLeader: 3_000 } : {}),
      ...(random.chance(0.5) ? { clientPause: 2_000 } : {}),
      ...(random.chance(0.3) ? { kill: 3_000 } : {}),
      ...(random.chance(0.3) ? { clientKill: 4_000 } : {}),
    },
    workloads: random.chance(0.5) ? ["leases", "registers"] : ["leases", "locks"],
  };
}

/** Locks and elections whose entries somebody deletes, rewrites and recreates, heard of late or not at all. */
function brokenQueues(random: Random): Partial<SimulationOptions> {
  return {
    clients: 4,
    electionTimeoutMs: 500,
    historyRevisionsKept: random.pick([5, 20, 1_000]),
    logEntriesKept: random.pick([[5], [100]]),
    thinkMs: random.pick([30, 100]),
    vandalMs: random.pick([100, 300, 1_000]),
    tempo: random.pick([1, 0.4]),
    faults: {
      slowLink: random.pick([800, 2_000]),
      ...(random.chance(0.5) ? { kill: 2_000 } : {}),
      ...(random.chance(0.5) ? { clientPause: 1_500 } : {}),
      ...(random.chance(0.5) ? { partition: 2_000 } : {}),
      ...(random.chance(0.3) ? { isolateLeader: 3_000 } : {}),
    },
    workloads: random.pick([["locks"], ["locks", "elections"], ["locks", "elections"]]),
  };
}

/**
 * Whether so little goes wrong that every session and lease that a client keeps is owed its life: at most one node hangs
 * at a time, of which a majority does without, and the network, disks and clocks are sound.
 */
export function keepsLeases(options: SimulationOptions): boolean {
  const { faults, nodes, lossRate, duplicationRate, reorderingRate, replayRate } = options;
  const harmless = Object.keys(faults).every((kind) => kind === "hang" && nodes >= 3);
  const sound = lossRate + duplicationRate + reorderingRate + replayRate === 0 && options.latencyMs <= 5;
  const kept = options.healAll && !options.powerCycle && options.syncMs <= 10;
  return harmless && sound && kept && options.clockDriftMax <= 0.01 && options.jitterMs <= 10;
}

/**
 * Members that lose their disk, some as soon as there is a leader, and come back by every door; copies of directories, beside
 * the node that goes on or in its place.
 */
const identities = (random: Random): Partial<SimulationOptions> => ({
  nodes: random.chance(0.5) ? 3 : 5,
  electionTimeoutMs: 500,
  losesDiskEarly: random.chance(0.5),
  latencyMs: random.pick([1, 5, 20]),
  faults: {
    copy: random.pick([1_500, 4_000]),
    ...(random.chance(0.5) ? { wipe: 4_000 } : {}),
    ...(random.chance(0.5) ? { kill: 3_000 } : {}),
    ...(random.chance(0.3) ? { partition: 3_000 } : {}),
    ...(random.chance(0.3) ? { power: 4_000 } : {}),
    ...(random.chance(0.3) ? { membership: 4_000 } : {}),
  },
  workloads: ["registers"],
});

/** All kinds of changes among many accidents. */
function swarmOfChanges(random: Random): Pick<SimulationOptions, "nodes" | "faults"> {
  return {
    nodes: random.pick([3, 4, 5]),
    faults: {
      membership: random.pick([100, 300]),
      partition: random.pick([600, 1_500]),
      isolateLeader: random.pick([800, 2_000]),
      newLeader: random.pick([200, 1_000]),
      ...(random.chance(0.5) ? { congestion: 2_000 } : {}),
      ...(random.chance(0.5) ? { transfer: 1_000 } : {}),
      ...(random.chance(0.3) ? { kill: 2_000 } : {}),
    },
  };
}

/** Removals asked of leaders that are cut off, and little else, so that each side gets to the end of what it is about. */
function contested(random: Random): Pick<SimulationOptions, "nodes" | "faults"> {
  return {
    nodes: random.pick([4, 5]),
    faults: {
      contestedRemoval: random.pick([500, 1_500]),
      // In between the cluster grows again.
      membership: 1_000,
      ...(random.chance(0.3) ? { kill: 4_000 } : {}),
    },
  };
}

function stormOfElections(random: Random): Partial<SimulationOptions> {
  return {
    nodes: random.chance(0.8) ? 5 : 3,
    tempo: random.pick([0.4, 0.15]),
    lossRate: random.pick([0, 0.02, 0.1]),
    duplicationRate: random.pick([0, 0.1, 0.3]),
    reorderingRate: random.pick([0, 0.1, 0.3]),
    appendBytesMax: random.pick([1, 1, 300]),
    thinkMs: random.pick([50, 200]),
    faults: {
      congestion: random.pick([400, 2_000]),
      isolateLeader: random.pick([500, 2_000]),
      newLeader: random.pick([100, 500]),
      partition: random.pick([2_000, 8_000]),
      transfer: random.pick([500, 2_000]),
      ...(random.chance(0.5) ? { kill: 1_500 } : {}),
    },
  };
}

/**
 * Transfers to nodes whose requests for votes are lost: they are in a newer term than a leader that goes on, and nothing
 * else happens that would end its leadership.
 */
const lostElections: Partial<SimulationOptions> = {
  nodes: 3,
  lossRate: 0.4,
  faults: { transfer: 800 },
};
