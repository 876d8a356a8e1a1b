import { grpcServiceDefinition, type Operation, type SessionRequest, SessionService } from "@quorate/proto";

const { requestSerialize: encode } = grpcServiceDefinition(SessionService).connect;

/**
 * Encodes a message of a session's stream. An operation that cannot be encoded, whatever the reason, is left out and told:
 * it would break the stream, and every stream after it, and with them all operations beside it.
 */
export function encodeRequest(
  request: SessionRequest,
  onUnsendable: (operation: Operation, cause: unknown) => void,
): Buffer {
  try {
    return encode(request);
  } catch {
    const operations = request.operations.filter((operation) => {
      try {
        encode({
          $typeName: "quorate.v1.SessionRequest",
          lowestPending: 0n,
          operations: [operation],
          close: false,
        });
        return true;
      } catch (cause) {
        onUnsendable(operation, cause);
        return false;
      }
    });
    return encode({ ...request, operations });
  }
}
