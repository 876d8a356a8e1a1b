import { invariant } from "./invariant.js";

/** One node that the cluster knows. */
export interface Member {
  /** A positive number, never used for another node. */
  readonly id: number;
  readonly name: string;
  /** host:port of its peer port. */
  readonly address: string;
  /** A voter counts for elections, commits and reads; a learner only receives the log. */
  readonly role: "voter" | "learner";
  /** Present once a change gave it its address: nothing that a node was told at its start is newer than that. */
  readonly readdressed?: true;
  /**
   * With it, where the member was before, newest first: its process is there until it is restarted, which whoever starts
   * meanwhile must know, and an address that was mistyped is changed again. Without those that another member has taken.
   */
  readonly movedFrom?: readonly string[];
}

/** Who belongs to the cluster, sorted by id. Never changed in place. */
export interface Configuration {
  readonly members: readonly Member[];
}

/** A configuration and the index of the log entry that holds it; 0 for the initial one, which has no entry. */
export interface ConfigurationAt {
  readonly index: number;
  readonly configuration: Configuration;
}

/** One step from a configuration to the next: one server at a time (thesis, section 4.1). */
export type MembershipChange =
  | { readonly kind: "addLearner"; readonly id: number; readonly name: string; readonly address: string }
  /** A learner that has caught up becomes a voter. */
  | { readonly kind: "promote"; readonly id: number }
  /** A member is dialled elsewhere from then on. The voters stay, so any two majorities overlap as before. */
  | { readonly kind: "readdress"; readonly id: number; readonly address: string }
  | { readonly kind: "remove"; readonly id: number };

/** Why a change cannot follow a configuration. */
export type ImpossibleChange =
  | "unknownMember"
  | "memberExists"
  | "notALearner"
  | "lastVoter"
  | "addressTaken";

/** Bytes of a log entry or a snapshot that hold no configuration this version can read. */
export class InvalidConfiguration extends Error {
  override readonly name = "InvalidConfiguration";
}

/** The newest version of the encoding; a node that meets a newer one stops rather than guess who votes. */
const CONFIGURATION_FORMAT = 2;

/** The oldest version that says all of a configuration: one without changed addresses is what it always was. */
function formatOf(members: readonly Member[]): number {
  return members.some(({ readdressed }) => readdressed === true) ? 2 : 1;
}

/** What goes into the log: JSON in ASCII, equal bytes for equal configurations. */
export function encodeConfiguration({ members }: Configuration): Uint8Array {
  invariant(areMembersValid(members), "a configuration is not sorted by id, or a member has no name");
  const text = JSON.stringify({
    format: formatOf(members),
    // In one order of the fields, whatever order the members were made in.
    members: members.map(({ id, name, address, role, readdressed, movedFrom }) => ({
      ...{ id, name, address, role, readdressed, movedFrom },
    })),
  });
  // Escaped, so that a character is a byte and no encoder of the surroundings is needed.
  const ascii = text.replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Uint8Array.from(ascii, (character) => character.charCodeAt(0));
}

/** @throws InvalidConfiguration when the bytes are of an unknown format, or nonsense. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  let decoded: unknown;
  try {
    decoded = JSON.parse(text);
  } catch (cause) {
    throw new InvalidConfiguration("a configuration is not JSON", { cause });
  }
  if (!isRecord(decoded) || (decoded.format !== 1 && decoded.format !== CONFIGURATION_FORMAT)) {
    const format = isRecord(decoded) ? String(decoded.format) : "none";
    throw new InvalidConfiguration(
      `a configuration is of format ${format}; this version knows ${CONFIGURATION_FORMAT}`,
    );
  }
  const encoded: unknown = decoded.members;
  if (!Array.isArray(encoded)) throw new InvalidConfiguration("a configuration has no members");
  const members = encoded.map(toMember);
  if (!areMembersValid(members)) throw new InvalidConfiguration("a configuration's members are not in order");
  return { members };
}

function toMember(encoded: unknown): Member {
  if (isRecord(encoded)) {
    const { id, name, address, role, readdressed, movedFrom } = encoded;
    if (
      typeof id === "number" &&
      typeof name === "string" &&
      typeof address === "string" &&
      (role === "voter" || role === "learner") &&
      (readdressed === undefined || readdressed === true) &&
      (movedFrom === undefined || (readdressed === true && areAddresses(movedFrom)))
    ) {
      return {
        ...{ id, name, address, role },
        ...(readdressed === true ? { readdressed } : {}),
        ...(movedFrom === undefined ? {} : { movedFrom }),
      };
    }
  }
  throw new InvalidConfiguration("a configuration's member is incomplete");
}

function areAddresses(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areMembersValid(members: readonly Member[]): boolean {
  let previous = 0;
  for (const { id, name } of members) {
    if (!Number.isSafeInteger(id) || id <= previous || name === "") return false;
    previous = id;
  }
  return true;
}

/** Addresses of before that a member has at most: more than anybody mistypes one in a row. */
const FORMER_ADDRESSES_MAX = 4;

/** The members when somebody takes an address: who moved from there is not looked for at it any more. */
function leaving(members: readonly Member[], address: string): Member[] {
  return members.map((member) =>
    member.movedFrom?.includes(address) === true ? movedFrom(member, member.movedFrom, address) : member,
  );
}

/** The member with these former addresses, but for the one that it or another has now. */
function movedFrom(member: Member, former: readonly string[], taken: string): Member {
  const { movedFrom: _, ...rest } = member;
  const left = former.filter((address) => address !== taken).slice(0, FORMER_ADDRESSES_MAX);
  return left.length === 0 ? rest : { ...rest, movedFrom: left };
}

/** The configuration after a change, or why there is none. */
export function applyChange(
  { members }: Configuration,
  change: MembershipChange,
): { readonly configuration: Configuration } | { readonly reason: ImpossibleChange } {
  const member = members.find(({ id }) => id === change.id);
  switch (change.kind) {
    case "addLearner": {
      const { id, name, address } = change;
      const taken = members.some(
        (other) => other.id === id || other.name === name || other.address === address,
      );
      if (taken) return { reason: "memberExists" };
      const added: Member = { id, name, address, role: "learner" };
      const others = leaving(members, address);
      return { configuration: { members: [...others, added].sort((a, b) => a.id - b.id) } };
    }
    case "promote": {
      if (member === undefined) return { reason: "unknownMember" };
      if (member.role !== "learner") return { reason: "notALearner" };
      const promoted: Member = { ...member, role: "voter" };
      return { configuration: { members: members.map((other) => (other === member ? promoted : other)) } };
    }
    case "readdress": {
      if (member === undefined) return { reason: "unknownMember" };
      const { id, address } = change;
      if (members.some((other) => other !== member && other.address === address)) {
        return { reason: "addressTaken" };
      }
      const former = [member.address, ...(member.movedFrom ?? [])];
      const readdressed = movedFrom({ ...member, address, readdressed: true }, former, address);
      const others = leaving(members, address);
      return { configuration: { members: others.map((other) => (other.id === id ? readdressed : other)) } };
    }
    case "remove": {
      if (member === undefined) return { reason: "unknownMember" };
      const left = members.filter((other) => other !== member);
      if (!left.some(({ role }) => role === "voter")) return { reason: "lastVoter" };
      return { configuration: { members: left } };
    }
  }
}
