import type { Listing, ListOptions, Quorate } from "@quorate/sdk";

/** Nodes fetched per request: large enough to be quick, small enough for one message of values. */
const pageNodesMax = 1_000;

/** A listing with all its pages, as of one revision. */
export interface WholeListing {
  /** The revision that all of it shows. */
  readonly revision: number;
  /** The nodes, in path order. */
  readonly nodes: Listing["nodes"];
  /** Whether `nodesMax` cut it. */
  readonly more: boolean;
}

/**
 * Lists page by page, every page at the revision of the first, so that the whole is one consistent picture.
 *
 * Stops after `nodesMax` nodes.
 */
export async function listAll(
  client: Quorate,
  path: string,
  options: ListOptions,
  nodesMax = Number.POSITIVE_INFINITY,
): Promise<WholeListing> {
  const first = await client.list(path, { ...options, limit: Math.min(pageNodesMax, nodesMax) });
  const nodes = [...first.nodes];
  let page = first;
  for (
    let last = nodes.at(-1);
    page.more && last !== undefined && nodes.length < nodesMax;
    last = nodes.at(-1)
  ) {
    const limit = Math.min(pageNodesMax, nodesMax - nodes.length);
    page = await client.list(path, { ...options, limit, revision: first.revision, after: last.path });
    if (page.nodes.length === 0) break;
    nodes.push(...page.nodes);
  }
  return { revision: first.revision, nodes, more: page.more };
}
