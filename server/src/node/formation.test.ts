import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Acquaintances } from "../storage/acquaintances.js";
import { UnusableDataDirectory } from "../storage/errors.js";
import { addAcquaintanceService } from "../transport/acquaintance.js";
import type { PeerAddress } from "../transport/peers.js";
import { Formation } from "./formation.js";

const logger = pino({ level: "silent" });
const CLUSTER = 9;

/** Another member of the cluster, as far as it answers a fresh one. */
class Acquaintance {
  readonly id: number;
  readonly notes: Acquaintances;
  private readonly server = new Server();
  private port = 0;

  constructor(id: number) {
    this.id = id;
    this.notes = new Acquaintances(join(dir, `peers-${id}.json`));
  }

  async listen(removed: readonly number[] = []): Promise<void> {
    const admission = {
      clusterId: CLUSTER,
      self: this.id,
      otherIncarnationOf: () => undefined,
      meet: () => undefined,
      isRemoved: (id: number) => removed.includes(id),
      absence: "forming",
    };
    addAcquaintanceService(this.server, admission, logger, (id, incarnation) =>
      this.notes.note(id, incarnation),
    );
    this.port = await new Promise<number>((resolve, reject) => {
      const address = `127.0.0.1:${this.port}`;
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  get address(): PeerAddress {
    return { id: this.id, name: `n${this.id}`, address: `127.0.0.1:${this.port}` };
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

let dir = "";
let others: Acquaintance[] = [];
let formation: Formation | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-formation-"));
  others = [new Acquaintance(2), new Acquaintance(3)];
});
afterEach(() => {
  formation?.stop();
  for (const other of others) other.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Forms a cluster with the others as a fresh member 1; `reasons` collects for whom it said to wait. */
function form(incarnation: string, reasons: string[] = []): Promise<void> {
  const handshake = { clusterId: CLUSTER, from: 1, incarnation, address: "", readdressed: false };
  const addresses = others.map(({ address }) => address);
  formation = new Formation(addresses, handshake, logger, (reason) => reasons.push(reason), dir, {
    name: "n1",
    memberId: 1,
  });
  return formation.run();
}

it("ends when every other member has noted the incarnation durably", async () => {
  for (const other of others) await other.listen();
  await form("aa");
  for (const id of [2, 3]) {
    expect(new Acquaintances(join(dir, `peers-${id}.json`)).incarnationOf(1)).toBe("aa");
  }
});

it("may be repeated by the same data directory", async () => {
  for (const other of others) await other.listen();
  await form("aa");
  await form("aa");
});

it("fails when one member knows another data directory, whatever the others know", async () => {
  for (const other of others) await other.listen();
  others[1]?.notes.note(1, "aa");
  await expect(form("bb")).rejects.toThrow(UnusableDataDirectory);
  await expect(form("bb")).rejects.toThrow(/n3 knows this member with another one.*quorate member remove/);
});

it("fails when the member was removed", async () => {
  await others[0]?.listen([1]);
  await expect(form("aa")).rejects.toThrow(/was removed/);
});

it("waits for those that do not answer, and says for whom", async () => {
  await others[0]?.listen();
  const reasons: string[] = [];
  let formed = false;
  const forming = form("aa", reasons).then(() => {
    formed = true;
  });
  await until(
    () => reasons.at(-1) === "waiting for n3: a new cluster needs all its members at its first start",
  );
  expect(formed).toBe(false);
  await until(() => others[0]?.notes.incarnationOf(1) === "aa");
  expect(formed).toBe(false);
  formation?.stop();
  await Promise.race([forming, new Promise((resolve) => setTimeout(resolve, 50))]);
  expect(formed).toBe(false);
});

it("needs nobody in a cluster of one", async () => {
  others = [];
  const reasons: string[] = [];
  await form("aa", reasons);
  expect(reasons).toEqual([]);
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
