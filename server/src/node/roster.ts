import {
  type Configuration,
  type ConfigurationAt,
  decodeConfiguration,
  idText,
  type Member,
} from "../raft/index.js";
import type { SetMember, StateMachine } from "../state-machine/index.js";
import type { Acquaintances } from "../storage/acquaintances.js";
import type { Identity } from "../storage/identity-file.js";
import { isHeeded, type Life, lifeText, parseLife } from "../transport/life.js";
import type { PeerAddress } from "../transport/peers.js";

/** Callers that are no members yet, of which something is remembered: more than any cluster adds at once. */
const STRANGERS_MAX = 64;

/** A member, and what it said of itself; that is missing until it first joined. */
export interface KnownMember extends Member {
  readonly record: SetMember | undefined;
}

/** Who belongs to the cluster, by what this node has applied, and what it knows of them. */
export class Roster {
  private readonly self: number;
  private readonly machine: () => StateMachine;
  /** The cluster's first configuration; without members when this node was not one of them. */
  private readonly founding: Configuration;
  private readonly addressBook: ReadonlyMap<string, string>;
  private readonly notes: Acquaintances;
  /** The lives of callers that are no members as far as this node has applied, the least recent first. */
  private readonly strangers = new Map<number, Life>();
  private decodedFrom: Uint8Array | undefined;
  private decoded: ConfigurationAt;

  constructor(
    identity: Identity,
    machine: () => StateMachine,
    addressBook: ReadonlyMap<string, string>,
    notes: Acquaintances,
  ) {
    this.self = identity.memberId;
    this.machine = machine;
    this.founding = { members: identity.founders.map((founder) => ({ ...founder, role: "voter" })) };
    this.addressBook = addressBook;
    this.notes = notes;
    this.decoded = { index: 0, configuration: this.founding };
  }

  /** The configuration as of the applied index: committed, so never to be taken back. */
  get applied(): ConfigurationAt {
    const { configuration, configurationIndex } = this.machine();
    if (configuration !== this.decodedFrom) {
      this.decodedFrom = configuration;
      this.decoded =
        configurationIndex === 0
          ? { index: 0, configuration: this.founding }
          : { index: configurationIndex, configuration: decodeConfiguration(configuration) };
    }
    return this.decoded;
  }

  /** Whether this node belongs to the cluster, as of the applied index. */
  get includesSelf(): boolean {
    return this.find(this.self) !== undefined;
  }

  /** The members as of the applied index, in name order. */
  members(): KnownMember[] {
    return this.applied.configuration.members
      .map((member) => ({ ...member, record: this.machine().member(member.id) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * A member that is not known to understand this format though it could have told; undefined when there is none. A first
   * member without a record may never have come up: one that takes part has made its incarnation known to every other
   * first member before, which a node that joined later cannot know, and waits. The one that `cannotTell`, since nothing
   * reaches it, is not waited for, nor a learner that joined, which may be out of reach. A voter that joined was given its
   * vote because it had the log, so it tells, however little it has told yet.
   */
  lacking(format: number, cannotTell?: number): Member | undefined {
    return this.applied.configuration.members.find(({ id, role }) => {
      const told = this.machine().member(id)?.format;
      if (told === undefined) {
        return id === this.self || (id !== cannotTell && role === "voter" && this.mayTakePart(id));
      }
      if (told >= format) return false;
      return told > 0 || role === "voter";
    });
  }

  /** Whether a first member may have taken part, for all that this node knows. */
  private mayTakePart(id: number): boolean {
    return !this.isFirst(this.self) || this.incarnationOf(id) !== undefined;
  }

  /** Whether every member is known to understand commands of this format, as of the applied index. */
  understands(format: number): boolean {
    const { members } = this.applied.configuration;
    return members.length > 0 && members.every(({ id }) => this.formatOf(id) >= format);
  }

  /**
   * Whether a learner is not known to understand what every voter does that has told. The log may hold that already,
   * whoever else is a member now: no entry is of a format that not all voters of its time, and all that got a vote since,
   * understand.
   */
  isOlderThanVoters(id: number): boolean {
    const told = this.applied.configuration.members.filter(
      (member) => member.role === "voter" && this.formatOf(member.id) > 0,
    );
    return told.length > 0 && told.every((voter) => this.formatOf(voter.id) > this.formatOf(id));
  }

  /** The newest format of commands that the member understands; 0 until it first joined. */
  formatOf(id: number): number {
    return this.machine().member(id)?.format ?? 0;
  }

  /** A member as of the applied index. */
  find(id: number): Member | undefined {
    return this.applied.configuration.members.find((member) => member.id === id);
  }

  /**
   * Whether the member belonged to the cluster, and was removed by an entry that is committed. Ids never come back. The
   * first configuration in the log holds every first member, so one that the applied configuration lacks was removed, even
   * if it never said anything of itself.
   */
  isRemoved(id: number): boolean {
    if (this.applied.index === 0 || this.find(id) !== undefined) return false;
    return this.isFirst(id) || this.incarnationOf(id) !== undefined;
  }

  /** Whether it is one of the members that the cluster began with; those that came later do not know. */
  private isFirst(id: number): boolean {
    return this.founding.members.some((founder) => founder.id === id);
  }

  /** The data directory that the member is, as claimed through the log or noted when the cluster formed. */
  incarnationOf(id: number): string | undefined {
    return this.machine().member(id)?.incarnation ?? this.notes.incarnationOf(id);
  }

  /**
   * An incarnation under which the member is known and that is not this one; undefined when there is none. The log and
   * this node's own notes count alike: while a first member's record is not in the log yet, only the notes know that it
   * has voted.
   */
  otherIncarnationOf(id: number, incarnation: string): string | undefined {
    const known = [this.machine().member(id)?.incarnation, this.notes.incarnationOf(id)];
    return known.find((each) => each !== undefined && each !== incarnation);
  }

  /** Notes the incarnation of a fresh node durably, unless another one is known. Returns the one that is known then. */
  acquaint(id: number, incarnation: string): string {
    return this.otherIncarnationOf(id, incarnation) ?? this.notes.note(id, incarnation);
  }

  /**
   * Notes durably that a member lives this life, or returns the newer one that is heeded in its place. Of a caller that this
   * node does not know as a member it only remembers a while: anybody may call.
   */
  meet(id: number, life: Life): Life | undefined {
    const text = lifeText(life);
    const noted = this.notes.lifeOf(id);
    if (noted === text) return undefined;
    const known = noted === undefined ? this.strangers.get(id) : parseLife(noted);
    if (known !== undefined && !isHeeded(life, known)) return known;
    this.strangers.delete(id);
    if (this.find(id) !== undefined) {
      this.notes.noteLife(id, text, (other) => !this.isRemoved(other));
      return undefined;
    }
    this.strangers.set(id, life);
    const [oldest] = this.strangers.keys();
    if (this.strangers.size > STRANGERS_MAX && oldest !== undefined) this.strangers.delete(oldest);
    return undefined;
  }

  /** For people. */
  nameOf(id: number): string {
    if (id === 0) return "none";
    return this.knownName(id) ?? idText(id);
  }

  /** Undefined when there never was a member of that id, as far as this node knows. */
  knownName(id: number): string | undefined {
    return this.find(id)?.name ?? this.machine().member(id)?.name;
  }

  /** "" when unknown. */
  clientEndpointOf(id: number): string {
    return this.machine().member(id)?.clientEndpoint ?? "";
  }

  /** Where the members of the applied configuration serve clients, as far as they said. */
  clientEndpoints(): string[] {
    const { members } = this.applied.configuration;
    return members.map(({ id }) => this.clientEndpointOf(id)).filter((endpoint) => endpoint !== "");
  }

  /**
   * The other members of a configuration, and where this node dials them: there, and where the member was before, as its
   * process may still be, or is again if a change that is not applied yet is taken back.
   */
  peersOf({ members }: Configuration): PeerAddress[] {
    return members
      .filter(({ id }) => id !== this.self)
      .map((member) => {
        const { id, name } = member;
        const address = this.addressOf(member);
        const applied = this.find(id);
        const until = applied === undefined ? address : this.addressOf(applied);
        // What a first member's own list said of it counted for this node alone.
        const first = this.addressOf({ id, name, address: member.address, role: member.role });
        const former = [until, first, ...(member.movedFrom ?? [])];
        const before = [...new Set(former)].filter((each) => each !== address);
        return { id, name, address, ...(before.length === 0 ? {} : { before }) };
      });
  }

  /** Where this node is dialled; "" while its configuration does not say. */
  ownAddress({ members }: Configuration): string {
    const own = members.find(({ id }) => id === this.self);
    return own === undefined ? "" : this.addressOf(own);
  }

  /** Whether a change put this node where it is dialled. */
  isReaddressed({ members }: Configuration): boolean {
    return members.find(({ id }) => id === this.self)?.readdressed === true;
  }

  /**
   * An address that a change set is newer than what this node was told at its start, and holds. Otherwise the node's own
   * list stands in: the first configuration is the first leader's list, whose addresses may differ from node to node. A
   * first member's list names first members only: another may have come since under the name of one that was removed.
   */
  private addressOf({ id, name, address, readdressed }: Member): string {
    if (readdressed === true) return address;
    const founders = this.founding.members;
    if (founders.length > 0 && !founders.some((founder) => founder.id === id)) return address;
    return this.addressBook.get(name) ?? address;
  }
}
