import { crc32 } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import type { ServiceError } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  PeerService,
  type SendSnapshotRequest,
  SendSnapshotRequestSchema,
  type SendSnapshotResponse,
} from "@quorate/proto";
import type { Logger } from "pino";
import { bounds } from "../config.js";
import { handshakeMetadata } from "../transport/handshake.js";
import type { PeerLink } from "../transport/peer-link.js";
import { DAMAGED_SNAPSHOT_STATUS } from "../transport/snapshot-service.js";
import { SnapshotCopy } from "./snapshot-copy.js";
import type { StateKeeper } from "./state-keeper.js";

const { sendSnapshot } = grpcServiceDefinition(PeerService);
const NOTHING = new Uint8Array(0);
/** Seen again and again, it says that the follower never catches up, and what helps. */
const OVERTAKEN =
  "the log no longer reaches back to the snapshot: more was written meanwhile than --log-bytes-kept or --log-entries-kept keeps";

/** The bounds of a transfer, by their names in config.ts. */
export type SnapshotLimits = Readonly<
  Record<
    | "snapshotChunkBytesMax"
    | "snapshotPieceTimeoutMs"
    | "snapshotInstallTimeoutMs"
    | "snapshotKeptMs"
    | "snapshotCatchUpMs",
    number
  >
>;

/** What the sender needs of the link to a follower. */
export type SnapshotLink = Pick<PeerLink, "peer" | "client" | "handshake">;

/** A follower that waits for a snapshot, or is being sent it. */
interface Job {
  readonly link: SnapshotLink;
  /** The newest term in which this node was asked to. */
  term: number;
  readonly ended: Promise<number>;
  readonly succeed: (index: number) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Sends followers that are too far behind a copy of the state, one follower at a time and in the order in which they
 * asked; one whose transfer breaks gives way to the next. All are sent the same copy for as long as the log reaches
 * back to it. A copy whose transfer broke is kept for a while, so that the next attempt goes on where the follower
 * stands: an attempt begins by asking.
 */
export class SnapshotSender {
  private readonly state: StateKeeper;
  private readonly file: string;
  private readonly logger: Logger;
  private readonly limits: SnapshotLimits;
  /** The first one is being served. */
  private readonly jobs: Job[] = [];
  private copy: SnapshotCopy | undefined;
  /** The followers whose transfer of the present copy broke. */
  private readonly unfinished = new Set<number>();
  /** When the copy is given up if nobody has asked for it, in monotonic milliseconds. */
  private keptUntilMs = 0;
  /** The index that the copy covers, or one below while it is being made. */
  private copyIndex = Number.POSITIVE_INFINITY;
  /** A snapshot that was installed: its follower needs the log from there to catch up. */
  private delivered = { index: Number.POSITIVE_INFINITY, untilMs: 0 };
  private logStart = 0;

  constructor(state: StateKeeper, file: string, logger: Logger, limits: SnapshotLimits = bounds) {
    this.state = state;
    this.file = file;
    this.logger = logger;
    this.limits = limits;
  }

  /** Index of a snapshot on its way or just delivered, whose follower needs the log from there; infinite for none. */
  get heldIndex(): number {
    return Math.min(this.copyIndex, this.delivered.index);
  }

  /**
   * Sends the state. Resolves to the index it covers once the follower has it. For a follower that waits already, the
   * present transfer goes on, in the new term.
   */
  send(link: SnapshotLink, term: number): Promise<number> {
    const waiting = this.jobs.find((job) => job.link === link);
    if (waiting !== undefined) {
      waiting.term = Math.max(waiting.term, term);
      return waiting.ended;
    }
    let succeed: Job["succeed"] = () => undefined;
    let fail: Job["fail"] = () => undefined;
    const ended = new Promise<number>((resolve, reject) => {
      succeed = resolve;
      fail = reject;
    });
    this.jobs.push({ link, term, ended, succeed, fail });
    if (this.jobs.length === 1) void this.run();
    return ended;
  }

  /** Gives up what nobody needs any more. */
  tick(nowMs: number): void {
    if (nowMs >= this.delivered.untilMs) this.delivered = { index: Number.POSITIVE_INFINITY, untilMs: 0 };
    if (this.jobs.length === 0 && nowMs >= this.keptUntilMs) this.dropCopy();
  }

  /** The log was cut: a copy from before is of no use, since its follower would lack what comes next. */
  logStartsAt(index: number): void {
    this.logStart = index;
    if (this.jobs.length === 0 && this.copyIsStale) this.dropCopy();
  }

  private get copyIsStale(): boolean {
    return this.copy !== undefined && this.copy.index < this.logStart;
  }

  /** Serves those who wait, in turn. */
  private async run(): Promise<void> {
    for (let job = this.jobs[0]; job !== undefined; job = this.jobs[0]) {
      try {
        const index = await this.serve(job);
        this.jobs.shift();
        job.succeed(index);
      } catch (error) {
        this.jobs.shift();
        job.fail(error);
      }
      // While others wait they are sent the copy, too.
      if (this.jobs.length === 0 && this.unfinished.size === 0) this.dropCopy();
    }
  }

  private async serve(job: Job): Promise<number> {
    const { peer } = job.link;
    const copy = await this.usableCopy();
    this.unfinished.add(peer);
    try {
      await this.transfer(job, copy);
    } catch (error) {
      this.keptUntilMs = performance.now() + this.limits.snapshotKeptMs;
      // The follower has it all and says that it is not the state: whatever damaged the copy, another one is needed.
      if (isDamaged(error)) this.dropCopy();
      throw error;
    }
    this.unfinished.delete(peer);
    this.delivered = {
      index: Math.min(this.delivered.index, copy.index),
      untilMs: performance.now() + this.limits.snapshotCatchUpMs,
    };
    return copy.index;
  }

  private async usableCopy(): Promise<SnapshotCopy> {
    if (this.copyIsStale) this.dropCopy();
    if (this.copy === undefined) {
      this.copyIndex = this.state.machine.appliedIndex;
      try {
        this.copy = await SnapshotCopy.of(this.state, this.file, this.limits.snapshotChunkBytesMax);
      } catch (error) {
        this.copyIndex = Number.POSITIVE_INFINITY;
        throw error;
      }
      this.copyIndex = this.copy.index;
    }
    return this.copy;
  }

  private dropCopy(): void {
    this.unfinished.clear();
    this.copyIndex = Number.POSITIVE_INFINITY;
    const { copy } = this;
    this.copy = undefined;
    try {
      copy?.remove();
    } catch (error) {
      // The next copy, or the next start, removes it.
      this.logger.warn({ err: error }, "a copy of the state could not be removed");
    }
  }

  /**
   * One attempt, from where the follower stands to the end. A leader sends no entry of a later term than its own, and a
   * copy made after its term was over may hold one.
   */
  private async transfer(job: Job, copy: SnapshotCopy): Promise<void> {
    const { lastTerm } = copy.snapshot;
    if (lastTerm > job.term) {
      throw new Error(
        `the state is of term ${lastTerm}, and term ${job.term}, in which it was wanted, is over`,
      );
    }
    let { nextOffset, installed } = await this.call(job, copy, 0, NOTHING);
    this.logger.info(
      { peer: job.link.peer, index: copy.index, bytes: copy.size, offset: Number(nextOffset) },
      "sending a snapshot",
    );
    while (!installed) {
      if (this.copyIsStale) throw new Error(OVERTAKEN);
      const offset = Number(nextOffset);
      if (offset >= copy.size) throw new Error("the peer holds the snapshot and did not install it");
      const data = await copy.piece(offset);
      ({ nextOffset, installed } = await this.call(job, copy, offset, data));
      if (!installed && Number(nextOffset) !== offset + data.length) {
        throw new Error(`the peer wants offset ${nextOffset} after ${offset + data.length}`);
      }
    }
  }

  /** A piece, or without data the question where to go on. Fails when there is no answer in time. */
  private call(
    { link, term }: Job,
    copy: SnapshotCopy,
    offset: number,
    data: Uint8Array,
  ): Promise<SendSnapshotResponse> {
    const request = create(SendSnapshotRequestSchema, {
      term: BigInt(term),
      snapshot: copy.snapshot,
      offset: BigInt(offset),
      data,
      crc32: crc32(data),
    });
    const last = offset + data.length === copy.size;
    const timeoutMs = last ? this.limits.snapshotInstallTimeoutMs : this.limits.snapshotPieceTimeoutMs;
    return new Promise((resolve, reject) => {
      link.client.makeUnaryRequest<SendSnapshotRequest, SendSnapshotResponse>(
        sendSnapshot.path,
        sendSnapshot.requestSerialize,
        sendSnapshot.responseDeserialize,
        request,
        handshakeMetadata(link.handshake),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error("the peer answered nothing"));
          else resolve(response);
        },
      );
    });
  }
}

function isDamaged(error: unknown): boolean {
  return (error as Partial<ServiceError>)?.code === DAMAGED_SNAPSHOT_STATUS;
}
