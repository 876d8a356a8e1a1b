import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PeerMessage, PeerMessageSchema } from "@quorate/proto";
import type { Raft } from "../raft/index.js";
import type { NodeOptions } from "./node-options.js";
import type { Roster } from "./roster.js";
import { type AgreementMessage, StateAgreement } from "./state-agreement.js";

/** Nodes that understand commands of this format compare their states as well; older ones would not know what is asked. */
const COMPARING_FORMAT = 2;

type Wire = PeerMessage["message"];
type AgreementWire = Extract<Wire, { case: "stateSample" | "stateAnswer" | "stateVerdict" }>;

/** The comparison of states between this node and the other members. */
export function agreementOf(
  { identity, heartbeatMs, electionTimeoutMs, commandFormat }: NodeOptions,
  raft: Raft,
  roster: Roster,
  send: (to: number, message: AgreementMessage) => void,
): StateAgreement {
  const self = identity.memberId;
  return new StateAgreement({
    self,
    leader: () => raft.leader,
    voters: () => raft.configuration.members.filter(({ role }) => role === "voter").map(({ id }) => id),
    others: () =>
      raft.configuration.members
        .filter(({ id }) => id !== self && Math.min(commandFormat, roster.formatOf(id)) >= COMPARING_FORMAT)
        .map(({ id }) => id),
    send,
    intervalMs: heartbeatMs,
    patienceMs: electionTimeoutMs,
  });
}

/** The message in its wire form. */
export function agreementMessage(
  message: AgreementMessage,
): NonNullable<MessageInitShape<typeof PeerMessageSchema>["message"]> {
  const index = BigInt(message.index);
  const { hash } = message;
  switch (message.kind) {
    case "sample":
      return { case: "stateSample", value: { index, hash } };
    case "answer":
      return { case: "stateAnswer", value: { index, hash } };
    case "verdict":
      return { case: "stateVerdict", value: { index, hash, majority: message.majority } };
  }
}

/** The message in a wire message. */
export function fromAgreementMessage(wire: AgreementWire): AgreementMessage {
  const index = Number(wire.value.index);
  const { hash } = wire.value;
  switch (wire.case) {
    case "stateSample":
      return { kind: "sample", index, hash };
    case "stateAnswer":
      return { kind: "answer", index, hash };
    case "stateVerdict":
      return { kind: "verdict", index, hash, majority: wire.value.majority };
  }
}
