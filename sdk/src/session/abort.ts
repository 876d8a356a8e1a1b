import { Cancelled } from "../errors/quorate-error.js";
import type { OperationQueue, PendingOperation } from "./operation-queue.js";

/** Gives an operation up when its caller's signal is aborted. */
export function giveUpOnAbort(queue: OperationQueue, operation: PendingOperation, signal: AbortSignal): void {
  const abort = (): void => {
    queue.giveUp(operation, new Cancelled(`${operation.request.case}: aborted`, { cause: signal.reason }));
  };
  signal.addEventListener("abort", abort, { once: true });
  // Long-lived signals must not collect listeners of operations long gone.
  const { succeed, fail } = operation;
  operation.succeed = (response) => {
    signal.removeEventListener("abort", abort);
    succeed(response);
  };
  operation.fail = (error) => {
    signal.removeEventListener("abort", abort);
    fail(error);
  };
}
