import type { Logger } from "pino";
import type { DataDirectory } from "../storage/data-directory.js";
import { UnusableDataDirectory } from "../storage/errors.js";
import type { Identity } from "../storage/identity-file.js";
import { UnknownFormat } from "./command-codec-format.js";
import { disownedWords, memberWords } from "./directory-words.js";
import { MemberRemoved } from "./member-removed.js";

/** The end of a node whose member was removed: its directory says so for ever, and the process ends a little later. */
export class Retirement {
  private readonly identity: Identity;
  private readonly directory: DataDirectory;
  private readonly logger: Logger;
  private readonly delayMs: number;
  private readonly ended: (error: MemberRemoved) => void;
  private timer: NodeJS.Timeout | undefined;
  private removal: MemberRemoved | undefined;

  /** `ended` is called `delayMs` after the removal was noticed: what it led to has been sent by then. */
  constructor(
    identity: Identity,
    directory: DataDirectory,
    logger: Logger,
    delayMs: number,
    ended: (error: MemberRemoved) => void,
  ) {
    this.identity = identity;
    this.directory = directory;
    this.logger = logger;
    this.delayMs = delayMs;
    this.ended = ended;
  }

  /** The cluster has committed that this member is removed. */
  begin(reason: string): void {
    if (this.timer !== undefined) return;
    // Durable before anything else: a start on this directory must not look like one that only lags behind.
    this.directory.identityFile.write({ ...this.identity, standing: "removed" });
    this.logger.warn({ reason }, "this member was removed from the cluster: stopping for good");
    const removal = new MemberRemoved(reason);
    this.removal = removal;
    this.timer = setTimeout(() => this.ended(removal), this.delayMs);
  }

  /** What an error that stops this node means: one that was removed need not understand what the others write since. */
  causeOf(error: unknown): unknown {
    return error instanceof UnknownFormat ? (this.removal ?? error) : error;
  }

  /** The data of this node are known to be wrong: no process may start on them again. */
  disqualify(reason: string): void {
    this.logger.fatal({ reason }, "the state of this node differs from that of the majority");
    this.directory.identityFile.write({ ...this.identity, standing: "diverged" });
  }

  /**
   * The cluster knows the member as another data directory than this one, or as a newer copy of it: no process may start on
   * it again, since every start counts and the next one would pass for newer. The error to stop with.
   */
  disown(reason: string): UnusableDataDirectory {
    const { identity, directory } = this;
    const { identityFile, path } = directory;
    const member = memberWords(identity);
    const found = identityFile.read();
    if (found.incarnation === identity.incarnation && found.starts !== identity.starts) {
      return new UnusableDataDirectory(
        `another process was started on ${path}, that of ${member}, while this one ran: its file system does not keep locks. Only one may run there (${reason})`,
      );
    }
    identityFile.write({ ...identity, standing: "disowned" });
    return new UnusableDataDirectory(
      `${path} is not the newest directory of ${member}: ${reason}. ${disownedWords(identity.name)}`,
    );
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
