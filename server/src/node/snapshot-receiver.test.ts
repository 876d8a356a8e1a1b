import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type SendSnapshotRequest, SendSnapshotRequestSchema } from "@quorate/proto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { InstallSnapshot } from "../raft/index.js";
import { SnapshotReceiver } from "./snapshot-receiver.js";

let dir: string;
let receiver: SnapshotReceiver;
let installed: { snapshot: InstallSnapshot; content: string }[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-receiver-"));
  receiver = new SnapshotReceiver(join(dir, "incoming.db"));
  installed = [];
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function piece(term: number, offset: number, text: string, whole?: string): SendSnapshotRequest {
  return create(SendSnapshotRequestSchema, {
    snapshot: { term: BigInt(term), lastIndex: 10n, lastTerm: 1n },
    offset: BigInt(offset),
    data: Buffer.from(text),
    sha256: whole === undefined ? new Uint8Array(0) : createHash("sha256").update(whole).digest(),
  });
}

function receive(request: SendSnapshotRequest): Promise<void> {
  return receiver.receive(request, async (snapshot) => {
    installed.push({ snapshot, content: readFileSync(receiver.file, "utf8") });
  });
}

test("a snapshot is installed once, when its last piece is there and the whole is verified", async () => {
  await receive(piece(2, 0, "abc"));
  expect(installed).toEqual([]);
  await receive(piece(2, 3, "def", "abcdef"));
  expect(installed).toMatchObject([{ snapshot: { term: 2, lastIndex: 10, lastTerm: 1 }, content: "abcdef" }]);
});

test("a snapshot that does not match its checksum is refused", async () => {
  await receive(piece(2, 0, "abc"));
  await expect(receive(piece(2, 3, "xyz", "abcdef"))).rejects.toThrow("checksum");
  expect(installed).toEqual([]);
});

test("a transfer that begins while another one ends does not touch the file that is being installed", async () => {
  await receive(piece(2, 0, "abc"));
  const ends = receive(piece(2, 3, "def", "abcdef"));
  const begins = receive(piece(3, 0, "other"));
  await Promise.all([ends, begins]);
  expect(installed.map(({ content }) => content)).toEqual(["abcdef"]);
});

test("a piece of an older leader, or out of order, leaves the running transfer as it is", async () => {
  await receive(piece(3, 0, "abc"));
  await expect(receive(piece(2, 0, "old"))).rejects.toThrow("term 2");
  await expect(receive(piece(3, 7, "late"))).rejects.toThrow("offset 7");
  await receive(piece(3, 3, "def", "abcdef"));
  expect(installed.map(({ content }) => content)).toEqual(["abcdef"]);
});
