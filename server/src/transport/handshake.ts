import { Metadata, status } from "@grpc/grpc-js";

/** Version of the peers' protocol; raised when messages change in a way that an older node would misread. */
export const PEER_PROTOCOL = 1;

/** Who calls whom, in every call between peers. */
export interface Handshake {
  readonly clusterId: number;
  readonly from: number;
  readonly to: number;
}

/** A call from somebody who is no peer of ours. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
}

export function handshakeMetadata(handshake: Handshake): Metadata {
  const metadata = new Metadata();
  metadata.set("quorate-cluster-id", String(handshake.clusterId));
  metadata.set("quorate-from", String(handshake.from));
  metadata.set("quorate-to", String(handshake.to));
  metadata.set("quorate-protocol", String(PEER_PROTOCOL));
  return metadata;
}

/** The caller's id, or why it is refused. */
export function checkHandshake(
  metadata: Metadata,
  clusterId: number,
  self: number,
  isPeer: (id: number) => boolean,
): number | Refusal {
  const number = (key: string): number => Number(metadata.get(key)[0] ?? Number.NaN);
  if (number("quorate-protocol") !== PEER_PROTOCOL) {
    return refuse(
      `this node speaks peer protocol ${PEER_PROTOCOL}, the caller ${number("quorate-protocol")}`,
    );
  }
  if (number("quorate-cluster-id") !== clusterId) {
    return refuse(
      `this node belongs to cluster ${clusterId}, the caller to ${number("quorate-cluster-id")}: check --cluster-token and the names in --initial-cluster`,
    );
  }
  if (number("quorate-to") !== self) {
    return refuse(
      `this node is member ${self}, the caller meant ${number("quorate-to")}: check the addresses`,
    );
  }
  const from = number("quorate-from");
  return isPeer(from) ? from : refuse(`member ${from} does not belong to this cluster`);
}

function refuse(details: string): Refusal {
  return { code: status.FAILED_PRECONDITION, details };
}
