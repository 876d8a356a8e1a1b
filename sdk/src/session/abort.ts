import { Cancelled } from "../errors/quorate-error.js";
import { onAbort } from "../process/abort-listeners.js";
import type { OperationQueue, PendingOperation } from "./operation-queue.js";

/** Gives an operation up when its caller's signal is aborted. */
export function giveUpOnAbort(queue: OperationQueue, operation: PendingOperation, signal: AbortSignal): void {
  const forget = onAbort(signal, () => {
    queue.giveUp(operation, new Cancelled(`${operation.request.case}: aborted`, { cause: signal.reason }));
  });
  // Long-lived signals must not collect listeners of operations long gone.
  const { succeed, fail } = operation;
  operation.succeed = (response) => {
    forget();
    succeed(response);
  };
  operation.fail = (error) => {
    forget();
    fail(error);
  };
}
