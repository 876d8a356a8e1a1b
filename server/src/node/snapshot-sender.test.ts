import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { grpcServiceDefinition, PeerService, type SendSnapshotRequest } from "@quorate/proto";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { put } from "../state-machine/machine.test-support.js";
import { openDataDirectory } from "../storage/data-directory.js";
import { type SnapshotProgress, sendSnapshotHandler } from "../transport/snapshot-service.js";
import { SnapshotReceiver } from "./snapshot-receiver.js";
import { type SnapshotLimits, type SnapshotLink, SnapshotSender } from "./snapshot-sender.js";
import { readStateMeta, StateKeeper } from "./state-keeper.js";

const logger = pino({ level: "silent" });
const { sendSnapshot } = grpcServiceDefinition(PeerService);
const LEADER = 1;
/** Small pieces, so that there are many; the kept times are for the tests that move the clock. */
const limits: SnapshotLimits = {
  snapshotChunkBytesMax: 16_384,
  snapshotPieceTimeoutMs: 10_000,
  snapshotInstallTimeoutMs: 10_000,
  snapshotKeptMs: 60_000,
  snapshotCatchUpMs: 60_000,
};

/** A follower that takes snapshots on a port of its own, and refuses or does not answer when told so. */
class Follower {
  readonly link: SnapshotLink;
  readonly receiver: SnapshotReceiver;
  /** The calls that came in: the offset of each piece, or "ask". */
  readonly calls: (number | "ask")[] = [];
  /** Decides what happens to a call; without an answer it is taken. */
  disturb: (piece: SendSnapshotRequest) => Promise<SnapshotProgress> | undefined = () => undefined;
  committed = 0;
  private readonly server: Server;

  private constructor(id: number, dir: string, server: Server, port: number) {
    this.server = server;
    this.receiver = new SnapshotReceiver(join(dir, `incoming-${id}.db`));
    this.link = {
      peer: id,
      client: new Client(`127.0.0.1:${port}`, credentials.createInsecure()),
      handshake: { clusterId: 1, from: LEADER, to: id, incarnation: "a", address: "", readdressed: false },
    };
  }

  static async start(id: number, dir: string): Promise<Follower> {
    const server = new Server();
    let follower: Follower | undefined;
    const handler = sendSnapshotHandler(
      {
        receiveSnapshot: async (_, piece) => {
          if (follower === undefined) throw new Error("not started");
          return follower.take(piece);
        },
      },
      () => ({ id: LEADER }),
      logger,
    );
    server.addService({ sendSnapshot: { ...sendSnapshot } }, { sendSnapshot: handler });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    follower = new Follower(id, dir, server, port);
    return follower;
  }

  private take(piece: SendSnapshotRequest): Promise<SnapshotProgress> {
    this.calls.push(piece.data.length === 0 ? "ask" : Number(piece.offset));
    return (
      this.disturb(piece) ??
      this.receiver.receive(piece, {
        committedIndex: () => this.committed,
        install: async ({ lastIndex }) => {
          expect(readStateMeta(this.receiver.file).appliedIndex).toBe(lastIndex);
          this.committed = lastIndex;
        },
      })
    );
  }

  stop(): void {
    this.link.client.close();
    this.server.forceShutdown();
  }
}

let dir: string;
let state: StateKeeper;
let sender: SnapshotSender;
let followers: Follower[];
let outgoing: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-sender-"));
  const directory = openDataDirectory(dir);
  outgoing = directory.outgoingFile;
  state = new StateKeeper(directory, () => undefined);
  followers = [];
  write(40);
  sender = new SnapshotSender(state, outgoing, logger, limits);
});

afterEach(() => {
  for (const follower of followers) follower.stop();
  state.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Applies so many entries, each with a value of some kilobytes. */
function write(entries: number, term = 1): void {
  for (let i = 0; i < entries; i++) {
    const index = state.machine.appliedIndex + 1;
    const body = put(`key-${index}`, "v".repeat(4_096));
    state.machine.apply(index, term, [
      { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body },
    ]);
  }
}

async function follower(id: number): Promise<Follower> {
  const started = await Follower.start(id, dir);
  followers.push(started);
  return started;
}

const refuse = (): Promise<SnapshotProgress> => Promise.reject(new Error("the link is broken"));

test("a follower gets the state in pieces, and the copy is gone afterwards while the log is held for a while", async () => {
  const behind = await follower(2);
  expect(await sender.send(behind.link, 3)).toBe(40);
  expect(behind.committed).toBe(40);
  expect(behind.calls.length).toBeGreaterThan(5);
  expect(existsSync(outgoing)).toBe(false);
  expect(sender.heldIndex).toBe(40);
  sender.tick(performance.now() + limits.snapshotCatchUpMs);
  expect(sender.heldIndex).toBe(Number.POSITIVE_INFINITY);
});

test("a transfer that broke goes on with the same copy where the follower stands", async () => {
  const behind = await follower(2);
  behind.disturb = ({ offset }) => (offset >= 65_536n ? refuse() : undefined);
  await expect(sender.send(behind.link, 3)).rejects.toThrow("the link is broken");
  expect(sender.heldIndex).toBe(40);
  write(5);
  behind.disturb = () => undefined;
  behind.calls.length = 0;
  // The leader was elected again meanwhile: that is no reason to begin anew.
  expect(await sender.send(behind.link, 4)).toBe(40);
  expect(behind.calls.slice(0, 3)).toEqual(["ask", 65_536, 81_920]);
});

test("a lost answer costs nothing but time", async () => {
  const behind = await follower(2);
  let lost = false;
  behind.disturb = (piece) => {
    if (lost || piece.offset !== 32_768n) return undefined;
    lost = true;
    return behind.receiver
      .receive(piece, { committedIndex: () => 0, install: async () => undefined })
      .then(refuse);
  };
  await expect(sender.send(behind.link, 3)).rejects.toThrow();
  behind.calls.length = 0;
  expect(await sender.send(behind.link, 3)).toBe(40);
  expect(behind.calls.slice(0, 2)).toEqual(["ask", 49_152]);
});

test("followers are served in turn, and one that does not answer gives way to the next", async () => {
  sender = new SnapshotSender(state, outgoing, logger, { ...limits, snapshotPieceTimeoutMs: 1_000 });
  const [silent, patient] = [await follower(2), await follower(3)];
  silent.disturb = ({ data, offset }) =>
    data.length > 0 && offset === 32_768n ? new Promise(() => undefined) : undefined;
  const order: number[] = [];
  const first = sender.send(silent.link, 3).catch(() => order.push(2));
  const second = sender.send(patient.link, 3).then(() => order.push(3));
  await first;
  silent.disturb = () => undefined;
  silent.calls.length = 0;
  const again = sender.send(silent.link, 3).then(() => order.push(2));
  await Promise.all([second, again]);
  expect(order).toEqual([2, 3, 2]);
  expect(silent.calls.slice(0, 2)).toEqual(["ask", 32_768]);
  expect(existsSync(outgoing)).toBe(false);
});

test("a follower that is being sent a snapshot is not sent a second one", async () => {
  const behind = await follower(2);
  expect(await Promise.all([sender.send(behind.link, 3), sender.send(behind.link, 4)])).toEqual([40, 40]);
  expect(behind.calls.filter((call) => call === "ask")).toEqual(["ask"]);
});

test("a state of a later term than the one it was wanted in is not sent, and is when it is wanted in that term", async () => {
  const behind = await follower(2);
  // This node led in term 3, was asked, and learned of term 4 as a follower before the copy was made.
  write(1, 4);
  await expect(sender.send(behind.link, 3)).rejects.toThrow("term 3, in which it was wanted, is over");
  expect(behind.calls).toEqual([]);
  expect(await sender.send(behind.link, 4)).toBe(41);
});

test("the copy of a broken transfer is given up when nobody has asked for it for long", async () => {
  const behind = await follower(2);
  behind.disturb = ({ offset }) => (offset > 0n ? refuse() : undefined);
  await expect(sender.send(behind.link, 3)).rejects.toThrow();
  sender.tick(performance.now());
  expect(existsSync(outgoing)).toBe(true);
  sender.tick(performance.now() + limits.snapshotKeptMs);
  expect(existsSync(outgoing)).toBe(false);
  expect(sender.heldIndex).toBe(Number.POSITIVE_INFINITY);
});

test("a copy that the log no longer reaches back to is replaced by a newer one", async () => {
  const behind = await follower(2);
  behind.disturb = ({ offset }) => (offset >= 32_768n ? refuse() : undefined);
  await expect(sender.send(behind.link, 3)).rejects.toThrow();
  write(5);
  sender.logStartsAt(40);
  expect(existsSync(outgoing)).toBe(true);
  sender.logStartsAt(41);
  expect(existsSync(outgoing)).toBe(false);
  behind.disturb = () => undefined;
  expect(await sender.send(behind.link, 3)).toBe(45);
  expect(behind.committed).toBe(45);
});

test("a copy that arrives whole and is damaged all the same is made anew", async () => {
  const behind = await follower(2);
  let takes = 0;
  const damaged = { committedIndex: () => 0, install: async () => Promise.reject(new Error("no state")) };
  behind.disturb = (piece) => {
    takes++;
    return behind.receiver.receive(piece, damaged);
  };
  await expect(sender.send(behind.link, 3)).rejects.toThrow("cannot be installed");
  expect(takes).toBeGreaterThan(5);
  expect(existsSync(outgoing)).toBe(false);
  behind.disturb = () => undefined;
  write(1);
  expect(await sender.send(behind.link, 3)).toBe(41);
});
