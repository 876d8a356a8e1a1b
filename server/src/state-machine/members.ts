import type { SetMember } from "./command.js";
import { Digest, memberTag, type StateHash } from "./hash.js";

/** What the members said of themselves, by member id. */
export class MemberTable {
  readonly #members = new Map<number, SetMember>();
  readonly #hash: StateHash;
  readonly #digest = new Digest();
  #changed = false;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  get(memberId: number): SetMember | undefined {
    return this.#members.get(memberId);
  }

  /** Sets a member's record, in place of the one before. */
  set(member: SetMember): void {
    const before = this.#members.get(member.memberId);
    if (before !== undefined) {
      this.#feed(before);
      this.#hash.remove(this.#digest.a, this.#digest.b);
    }
    this.#members.set(member.memberId, member);
    this.#feed(member);
    this.#hash.add(this.#digest.a, this.#digest.b);
    this.#changed = true;
  }

  /** All of them, in the order of their ids. */
  all(): SetMember[] {
    return [...this.#members.values()].sort((left, right) => left.memberId - right.memberId);
  }

  /** All of them if any changed since the last call. */
  takeChanged(): SetMember[] | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return this.all();
  }

  /** Takes over the members of an earlier life. */
  restore(members: Iterable<SetMember>): void {
    for (const member of members) this.set(member);
    this.#changed = false;
  }

  #feed(member: SetMember): void {
    const digest = this.#digest;
    digest.start(memberTag);
    digest.number(member.memberId);
    digest.text(member.name);
    digest.text(member.peerAddress);
    digest.text(member.clientEndpoint);
    digest.number(member.format);
    digest.text(member.incarnation);
    digest.finish();
  }
}
