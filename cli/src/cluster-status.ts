import type { Member, NodeStatus, Quorate } from "@quorate/sdk";

/** What a node is, as far as could be found out. */
export type NodeRole = NodeStatus["role"] | "unreachable";

/** One line of the cluster's status; null stands for what an unreachable node did not tell. */
export interface NodeLine {
  readonly name: string | null;
  readonly endpoint: string;
  readonly role: NodeRole;
  readonly term: number | null;
  readonly revision: number | null;
  readonly appliedIndex: number | null;
}

/** How long a node may take to tell its status, in milliseconds: a dead one must not hold the others' up. */
export const nodeStatusTimeoutMs = 1_000;

/**
 * The status of every node that is configured or known to be a member, all asked at once.
 *
 * A node is listed once, under the configured endpoint it answered at if there is one. Never throws: whatever does
 * not answer is unreachable.
 */
export async function clusterStatus(client: Quorate, endpoints: readonly string[]): Promise<NodeLine[]> {
  const [members, configured] = await Promise.all([
    within(client.members(), nodeStatusTimeoutMs),
    askAll(client, endpoints),
  ]);
  const known: readonly Member[] = members ?? [];
  const advertised = known.map((member) => member.clientEndpoint).filter((endpoint) => endpoint !== "");
  const others = await askAll(
    client,
    advertised.filter((endpoint) => !configured.has(endpoint)),
  );
  return nodeLines(known, new Map([...configured, ...others]));
}

/** Every node unreachable: the status when no client could be had at all. */
export function unreachableStatus(endpoints: readonly string[]): NodeLine[] {
  return nodeLines([], new Map(endpoints.map((endpoint) => [endpoint, undefined])));
}

/** Folds what was learned into one line a node. `answers` holds undefined for endpoints that gave none. */
export function nodeLines(
  members: readonly Member[],
  answers: ReadonlyMap<string, NodeStatus | undefined>,
): NodeLine[] {
  const lines = new Map<string, NodeLine>();
  for (const [endpoint, status] of answers) {
    if (status === undefined || lines.has(status.name)) continue;
    const { name, role, term, revision, appliedIndex } = status;
    lines.set(name, { name, endpoint, role, term, revision, appliedIndex });
  }
  for (const { name, clientEndpoint } of members) {
    if (!lines.has(name)) lines.set(name, unreachableLine(name, clientEndpoint));
  }
  const memberEndpoints = new Set(members.map((member) => member.clientEndpoint));
  const strangers = [...answers]
    .filter(([endpoint, status]) => status === undefined && !memberEndpoints.has(endpoint))
    .map(([endpoint]) => unreachableLine(null, endpoint));
  const named = [...lines.values()].sort((a, b) => compareNames(a.name ?? "", b.name ?? ""));
  return [...named, ...strangers];
}

/** Asks every endpoint for its status, all at once; undefined for those that do not answer in time. */
export async function askAll(
  client: Quorate,
  endpoints: readonly string[],
): Promise<Map<string, NodeStatus | undefined>> {
  return new Map(
    await Promise.all(
      endpoints.map(
        async (endpoint) => [endpoint, await within(client.status(endpoint), nodeStatusTimeoutMs)] as const,
      ),
    ),
  );
}

/** The value, or undefined when the promise rejects or takes longer. */
async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The line of a node that gave no answer. */
export function unreachableLine(name: string | null, endpoint: string): NodeLine {
  return { name, endpoint, role: "unreachable", term: null, revision: null, appliedIndex: null };
}

function compareNames(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
