import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { runServer } from "../bad-input/server-run.js";
import { LocalCluster } from "./local-cluster.js";

interface Applied {
  readonly index: number;
  readonly term: number;
}

/** Puts an older state in place of a newer one and says that it is as new: as if some entries had done nothing. */
function corrupt(file: string, older: Buffer): void {
  const newer = new Database(file);
  const applied = newer
    .prepare<[], Applied>('SELECT applied_index AS "index", applied_term AS term FROM meta')
    .get();
  newer.close();
  if (applied === undefined) throw new Error("nothing was stored");
  writeFileSync(file, older);
  const forged = new Database(file);
  forged.prepare("UPDATE meta SET applied_index = ?, applied_term = ?").run(applied.index, applied.term);
  forged.prepare("UPDATE meta SET checksum = ?").run(metaChecksum(forged));
  forged.close();
}

/** The checksum that the server would have written: without it the node would not start, and differ from nobody. */
function metaChecksum(db: Database.Database): number {
  const numbers = db
    .prepare<[], number[]>(
      "SELECT applied_index, applied_term, revision, compacted_revision, last_seq, next_lease_id, configuration_index FROM meta",
    )
    .raw()
    .get();
  const rest = db
    .prepare<[], { configuration: Buffer; hash: string }>("SELECT configuration, hash FROM meta")
    .get();
  if (numbers === undefined || rest === undefined) throw new Error("nothing was stored");
  const bytes = Buffer.from(new Float64Array(numbers).buffer);
  return crc32(Buffer.concat([bytes, rest.configuration, Buffer.from(rest.hash)]));
}

it("a node whose state differs from the others' stops, says so, and never serves on those data again", async () => {
  await using cluster = await LocalCluster.start();
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  for (let i = 0; i < 20; i++) await client.put(`/a/${i}`, "value");
  await cluster.waitForAgreement();
  const file = join(cluster.node(2).dataDir, "state.db");
  await cluster.shutDown(2);
  const older = readFileSync(file);
  cluster.launch(2);
  await client.put("/a/forgotten", "value");
  await cluster.waitForAgreement();
  await cluster.shutDown(2);
  corrupt(file, older);

  cluster.launch(2);
  expect(await cluster.waitForEnd(2)).toBe(1);
  expect(cluster.log(2)).toMatch(/the state of this node at index \d+ has hash [0-9a-f]{16}, a majority/);
  const end = await runServer(cluster.flags(2));
  expect(end.code).toBe(2);
  expect(end.stderr).toMatch(/n3 holds a state that differed from that of a majority of its cluster/);

  await client.put("/a/after", "value");
  expect((await client.get("/a/after"))?.text()).toBe("value");
  await cluster.waitForAgreement();
});
