import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { type SendSnapshotRequest, SendSnapshotRequestSchema } from "@quorate/proto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DamagedSnapshot, type SnapshotProgress } from "../transport/snapshot-service.js";
import { type ReceivedSnapshot, SnapshotReceiver } from "./snapshot-receiver.js";

let dir: string;
let receiver: SnapshotReceiver;
let committed: number;
let willing: boolean;
let installed: { snapshot: ReceivedSnapshot; content: string }[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-receiver-"));
  receiver = new SnapshotReceiver(join(dir, "incoming.db"));
  committed = 0;
  willing = true;
  installed = [];
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

interface Sent {
  readonly term: number;
  readonly index: number;
  readonly content: string;
}

const snapshot: Sent = { term: 2, index: 10, content: "abcdef" };

/** The piece of a snapshot between two offsets; the question where to go on when there is none. */
function piece({ term, index, content }: Sent, from = 0, to = from): SendSnapshotRequest {
  const data = Buffer.from(content.slice(from, to));
  return create(SendSnapshotRequestSchema, {
    term: BigInt(term),
    snapshot: {
      lastIndex: BigInt(index),
      lastTerm: 1n,
      size: BigInt(content.length),
      sha256: createHash("sha256").update(content).digest(),
    },
    offset: BigInt(from),
    data,
    crc32: crc32(data),
  });
}

function receive(request: SendSnapshotRequest): Promise<SnapshotProgress> {
  return receiver.receive(request, {
    committedIndex: () => committed,
    install: async (received) => {
      if (!willing) return;
      installed.push({ snapshot: received, content: readFileSync(receiver.file, "utf8") });
      committed = received.lastIndex;
    },
  });
}

const contents = (): string[] => installed.map(({ content }) => content);

test("a snapshot is installed once, when its last piece is there and the whole is verified", async () => {
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 0, installed: false });
  expect(await receive(piece(snapshot, 0, 3))).toEqual({ nextOffset: 3, installed: false });
  expect(installed).toEqual([]);
  expect(await receive(piece(snapshot, 3, 6))).toEqual({ nextOffset: 6, installed: true });
  expect(installed).toEqual([{ snapshot: { term: 2, lastIndex: 10, lastTerm: 1 }, content: "abcdef" }]);
  expect(existsSync(receiver.file)).toBe(false);
});

test("a transfer that broke goes on where it stood, in whatever term", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 2));
  const later = { ...snapshot, term: 5 };
  expect(await receive(piece(later))).toEqual({ nextOffset: 2, installed: false });
  expect(await receive(piece(later, 2, 6))).toEqual({ nextOffset: 6, installed: true });
  expect(installed).toEqual([{ snapshot: { term: 5, lastIndex: 10, lastTerm: 1 }, content: "abcdef" }]);
});

test("a piece whose leader's term is over still counts, and is not taken for one of the present leader", async () => {
  await receive(piece({ ...snapshot, term: 5 }));
  await receive(piece({ ...snapshot, term: 5 }, 0, 2));
  expect(await receive(piece(snapshot, 2, 6))).toEqual({ nextOffset: 6, installed: true });
  expect(installed[0]?.snapshot.term).toBe(2);
});

test("a damaged piece is refused, and is taken when it comes again intact", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 2));
  const damaged = piece(snapshot, 2, 6);
  damaged.data = Buffer.from("cdeX");
  await expect(receive(damaged)).rejects.toThrow("checksum");
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 2, installed: false });
  await receive(piece(snapshot, 2, 6));
  expect(contents()).toEqual(["abcdef"]);
});

test("a snapshot of a later term than its sender's is refused, and what was received is kept", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 2));
  await expect(receive(piece({ ...snapshot, term: 0, index: 11 }))).rejects.toThrow(
    "from a leader of term 0",
  );
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 2, installed: false });
});

test("a snapshot that does not match its checksum is refused, and begins anew", async () => {
  const announced = piece(snapshot).snapshot;
  const wrong = piece({ ...snapshot, content: "abcxyz" }, 0, 6);
  if (announced !== undefined) wrong.snapshot = announced;
  await receive(piece(snapshot));
  await expect(receive(wrong)).rejects.toThrow(DamagedSnapshot);
  expect(installed).toEqual([]);
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 0, installed: false });
});

test("a piece that is out of order, too long or of no transfer leaves what was received as it is", async () => {
  await expect(receive(piece(snapshot, 0, 3))).rejects.toThrow("not being received");
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 3));
  await expect(receive(piece(snapshot, 4, 6))).rejects.toThrow("offset 4");
  await expect(receive(piece(snapshot, 0, 3))).rejects.toThrow("offset 0");
  const long = piece(snapshot, 3, 6);
  long.data = Buffer.from("defghi");
  await expect(receive(long)).rejects.toThrow("6 bytes at offset 3");
  await receive(piece(snapshot, 3, 6));
  expect(contents()).toEqual(["abcdef"]);
});

test("a newer snapshot replaces one that was received in part, and an older one does not", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 3));
  const newer = { term: 2, index: 12, content: "newer" };
  await receive(piece(newer));
  await receive(piece(newer, 0, 2));
  await expect(receive(piece(snapshot))).rejects.toThrow("index 10 in term 2");
  await expect(receive(piece(snapshot, 3, 6))).rejects.toThrow("not being received");
  expect(await receive(piece(newer, 2, 5))).toEqual({ nextOffset: 5, installed: true });
  expect(contents()).toEqual(["newer"]);
});

test("a new leader's snapshot replaces its predecessor's, even if it covers less", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 3));
  const successor = { term: 3, index: 9, content: "other" };
  await receive(piece(successor));
  await expect(receive(piece(snapshot))).rejects.toThrow("in term 2");
  expect(await receive(piece(successor, 0, 5))).toEqual({ nextOffset: 5, installed: true });
  expect(contents()).toEqual(["other"]);
});

test("a snapshot that holds nothing new is answered as installed, and what was received of it is removed", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 3));
  committed = 10;
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 6, installed: true });
  expect(installed).toEqual([]);
  expect(existsSync(receiver.file)).toBe(false);
});

test("a whole snapshot that cannot be installed now is kept, and is installed when it is asked for again", async () => {
  willing = false;
  await receive(piece(snapshot));
  expect(await receive(piece(snapshot, 0, 6))).toEqual({ nextOffset: 6, installed: false });
  willing = true;
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 6, installed: true });
  expect(contents()).toEqual(["abcdef"]);
});

test("a transfer that begins while another one ends does not touch the file that is being installed", async () => {
  await receive(piece(snapshot));
  const ends = receive(piece(snapshot, 0, 6));
  const begins = receive(piece({ term: 3, index: 12, content: "other" }));
  expect(await Promise.all([ends, begins])).toEqual([
    { nextOffset: 6, installed: true },
    { nextOffset: 0, installed: false },
  ]);
  expect(contents()).toEqual(["abcdef"]);
});

test("a receiver that was restarted begins anew, whatever its file holds", async () => {
  await receive(piece(snapshot));
  await receive(piece(snapshot, 0, 4));
  writeFileSync(receiver.file, "left behind, and longer than the snapshot");
  receiver = new SnapshotReceiver(receiver.file);
  await expect(receive(piece(snapshot, 4, 6))).rejects.toThrow("not being received");
  expect(await receive(piece(snapshot))).toEqual({ nextOffset: 0, installed: false });
  await receive(piece(snapshot, 0, 6));
  expect(contents()).toEqual(["abcdef"]);
});
