import { bounds } from "../client/options.js";
import { InvalidArgument } from "../errors/quorate-error.js";
import type { WatchOptions } from "./watch-event.js";

/** Throws InvalidArgument when the options contradict each other or are out of their bounds. */
export function checkWatchOptions(options: WatchOptions): void {
  if (options.initial === true && options.fromRevision !== undefined) {
    throw new InvalidArgument("watch: `initial` and `fromRevision` exclude each other");
  }
  if (options.events?.length === 0) throw new InvalidArgument("watch: `events` names no kind");
  if (options.knownPaths !== undefined && !(options.onCompacted === "relist" && options.fromRevision)) {
    throw new InvalidArgument(
      'watch: `knownPaths` are those as of `fromRevision` - 1, for `onCompacted: "relist"`: give both',
    );
  }
  const { unservedTimeoutMs = bounds.watchUnservedMs } = options;
  if (
    unservedTimeoutMs !== Number.POSITIVE_INFINITY &&
    !(unservedTimeoutMs >= bounds.durationMinMs && unservedTimeoutMs <= bounds.durationMaxMs)
  ) {
    throw new InvalidArgument(
      `unservedTimeoutMs: ${unservedTimeoutMs} is not between ${bounds.durationMinMs} and ${bounds.durationMaxMs} ms`,
    );
  }
}
