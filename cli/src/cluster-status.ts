import { connect, type Member, type NodeStatus, type Quorate } from "@quorate/sdk";

/** What a node is, as far as could be found out; `unheard` is one that follows a leader that does not hear it. */
export type NodeRole = NodeStatus["role"] | "unheard" | "unreachable";

/** One line of the cluster's status; null stands for what an unreachable node did not tell. */
export interface NodeLine {
  readonly name: string | null;
  readonly endpoint: string;
  readonly role: NodeRole;
  readonly term: number | null;
  readonly revision: number | null;
  readonly appliedIndex: number | null;
  /** Id of the history that its state is of; null also while it knows none. */
  readonly history: string | null;
}

/** What was learned of a cluster. */
export interface ClusterStatus {
  readonly nodes: readonly NodeLine[];
  /** Configured endpoints that gave no answer and are no member's. */
  readonly strangers: readonly string[];
}

/** How long a node may take to tell its status, in milliseconds: a dead one must not hold the others' up. */
export const nodeStatusTimeoutMs = 1_000;

/**
 * The status of every node that is configured or known to be a member, all asked at once.
 *
 * A node is listed once, under the configured endpoint it answered at if there is one. Never throws for a node that
 * does not answer: it is unreachable.
 */
export async function clusterStatus(endpoints: readonly string[]): Promise<ClusterStatus> {
  const client = await connect([...endpoints], { session: false });
  try {
    const configured = await askAll(client, endpoints);
    const answered = [...configured].find(([, status]) => status !== undefined)?.[0];
    const members = answered === undefined ? [] : await membersKnownAt(answered);
    const advertised = members.map((member) => member.clientEndpoint);
    const others = advertised.filter((endpoint) => endpoint !== "" && !configured.has(endpoint));
    const answers = new Map([...configured, ...(await askAll(client, others))]);
    return { nodes: nodeLines(members, answers), strangers: strangers(members, answers) };
  } finally {
    await client.close();
  }
}

/** Asks one endpoint only, which has just answered: with several, the first asked might be one that hangs. */
async function membersKnownAt(endpoint: string): Promise<readonly Member[]> {
  const client = await connect(endpoint, { session: false });
  try {
    return await client.members({ timeoutMs: nodeStatusTimeoutMs });
  } catch {
    return [];
  } finally {
    await client.close();
  }
}

/**
 * Folds what was learned into one line a node. `answers` holds undefined for endpoints that gave none; those that no
 * member advertises are lines only while the members are unknown. See {@link strangers}.
 */
export function nodeLines(
  members: readonly Member[],
  answers: ReadonlyMap<string, NodeStatus | undefined>,
): NodeLine[] {
  const lines = new Map<string, NodeLine>();
  for (const [endpoint, status] of answers) {
    if (status === undefined || lines.has(status.name)) continue;
    const { name, term, revision, appliedIndex, historyId } = status;
    const role = status.unheard ? "unheard" : status.role;
    lines.set(name, { name, endpoint, role, term, revision, appliedIndex, history: historyId ?? null });
  }
  for (const { name, clientEndpoint } of members) {
    if (!lines.has(name)) lines.set(name, unreachableLine(name, clientEndpoint));
  }
  const named = [...lines.values()].sort((a, b) => compareNames(a.name ?? "", b.name ?? ""));
  if (members.length > 0) return named;
  const silent = [...answers].filter(([, status]) => status === undefined);
  return [...named, ...silent.map(([endpoint]) => unreachableLine(null, endpoint))];
}

/**
 * Endpoints that gave no answer and that no member advertises: a typing error, a member that was removed, or another name
 * for a member's address. Empty while the members are unknown.
 */
export function strangers(
  members: readonly Member[],
  answers: ReadonlyMap<string, NodeStatus | undefined>,
): string[] {
  if (members.length === 0) return [];
  const advertised = new Set(members.map((member) => member.clientEndpoint));
  const silent = [...answers].filter(([, status]) => status === undefined);
  return silent.map(([endpoint]) => endpoint).filter((endpoint) => !advertised.has(endpoint));
}

/** Asks every endpoint for its status, all at once; undefined for those that do not answer in time. */
export async function askAll(
  client: Quorate,
  endpoints: readonly string[],
): Promise<Map<string, NodeStatus | undefined>> {
  const answers = endpoints.map(async (endpoint) => {
    const status = await client.status(endpoint, { timeoutMs: nodeStatusTimeoutMs }).catch(() => undefined);
    return [endpoint, status] as const;
  });
  return new Map(await Promise.all(answers));
}

const nothing = { term: null, revision: null, appliedIndex: null, history: null } as const;

/** The line of a node that gave no answer. */
export function unreachableLine(name: string | null, endpoint: string): NodeLine {
  return { name, endpoint, role: "unreachable", ...nothing };
}

function compareNames(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
