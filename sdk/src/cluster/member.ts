import type { Member as MemberMessage } from "@quorate/proto";
import { Internal } from "../errors/quorate-error.js";

/** One member of the cluster. */
export interface Member {
  readonly name: string;
  /** Id, never reused, 16 hexadecimal digits. */
  readonly memberId: string;
  /** Address that its peers dial. */
  readonly peerAddress: string;
  /** Endpoint it advertises to clients; empty until it first joined. */
  readonly clientEndpoint: string;
  /** Whether it has no vote: it receives everything, and counts for nothing. */
  readonly learner: boolean;
  /** Whether the asked node takes it for the leader. */
  readonly leader: boolean;
  /** The newest command format it understands; 0 until it first joined. */
  readonly format: number;
}

/** An id as the SDK shows it. */
export function hexId(id: bigint): string {
  return id.toString(16).padStart(16, "0");
}

/** The member in an answer. */
export function memberOf(message: MemberMessage | undefined): Member {
  if (message === undefined) throw new Internal("the server's answer names no member");
  const { name, memberId, peerAddress, clientEndpoint, learner, leader, format } = message;
  return { name, memberId: hexId(memberId), peerAddress, clientEndpoint, learner, leader, format };
}
