import { command, del, HandMadeRun, put } from "../invariants/hand-made-run.test-support.js";
import type { WatchEventSeen } from "../observation.js";
import type { Opened } from "./watched.js";

export type { Opened };

/** A run with /w/a put at revision 1, /w/b and /w/c at 2, /w/a at 3, /other at 4, and /w/a deleted at 5. */
export class WatchRun extends HandMadeRun {
  constructor() {
    super();
    this.put("/w/a", "1");
    const both = { kind: "txn", compares: [], otherwise: [] } as const;
    this.run(command({ ...both, then: [operation("/w/b", "2"), operation("/w/c", "2")] }));
    this.put("/w/a", "3");
    this.put("/other", "4");
    this.run(command(del("/w/a")));
  }

  open(options: Partial<Opened> = {}): void {
    const plain = {
      path: "/w",
      recursive: true,
      initial: false,
      fromRevision: 1,
      previous: false,
      events: undefined,
      relist: false,
      knownPaths: undefined,
      eager: true,
    };
    this.client({ kind: "watchOpened", watch: 1, ...plain, ...options });
  }

  deliver(...events: WatchEventSeen[]): void {
    this.client({ kind: "watchDelivered", watch: 1, events });
  }

  change(path: string, revision: number, previous?: WatchEventSeen["previous"]): WatchEventSeen {
    const entry = this.see(path, revision);
    const kind = entry === undefined ? "delete" : "put";
    return { kind, path, entry, previous, revision, initial: false, synthesized: false };
  }

  initial(path: string, revision: number): WatchEventSeen {
    return { ...this.change(path, revision), initial: true };
  }

  all(): WatchEventSeen[] {
    const changes = [
      ["/w/a", 1],
      ["/w/b", 2],
      ["/w/c", 2],
      ["/w/a", 3],
      ["/w/a", 5],
    ] as const;
    return changes.map(([path, revision]) => this.change(path, revision));
  }
}

function operation(key: string, text: string) {
  const body = put(key, text);
  if (body.kind !== "put") throw new Error("not a put");
  return body;
}
