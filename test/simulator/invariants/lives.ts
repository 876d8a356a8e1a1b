import { type Life, parseLife } from "../../../server/src/transport/life.js";
import { violated } from "./violation.js";

/**
 * ID: what a node takes of a member comes from one life of it, and from then on only from that or from one that
 * descends from it, over all restarts of the node: what another life promises, it may have forgotten.
 */
export class Lives {
  /** The newest life that a node took a message of, by node and member. */
  readonly #newest = new Map<string, Life>();

  taken(node: string, member: string, text: string): void {
    const life = parseLife(text);
    if (life === undefined)
      violated("ID", `member ${member} does not say which life it is in`, { node, text });
    const of = `${node} ${member}`;
    const newest = this.#newest.get(of);
    if (newest !== undefined) {
      const isSame = life.number === newest.number && life.nonce === newest.nonce;
      const kept = life.before[life.number - newest.number - 1];
      const descends = life.number > newest.number && (kept === undefined || kept === newest.nonce);
      if (!isSame && !descends) {
        violated(
          "ID",
          `node ${node} takes what life ${text} of member ${member} says after that of another process`,
          {
            node,
            member,
            life,
            newest,
          },
        );
      }
    }
    this.#newest.set(of, life);
  }
}
