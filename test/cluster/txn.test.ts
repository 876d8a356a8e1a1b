import { compare, op, type Quorate } from "@quorate/sdk";
import { expect, it } from "vitest";
import { LocalCluster } from "./local-cluster.js";

async function holds(client: Quorate, path: string): Promise<boolean> {
  const nothing = compare.version(path, { recursive: true }).equals(0);
  return (await client.txn({ compares: [nothing], then: [op.put("/outcome", "none")] })).succeeded;
}

it("a compare of a subtree is about a key and what is below it, not about siblings with its name in front", async () => {
  await using cluster = await LocalCluster.start({ nodes: 1 });
  await using client = await cluster.connect();
  for (const sibling of ["/a-b", "/a.b", "/a b/c", "/a!", "/ab"]) await client.put(sibling, "sibling");
  expect(await holds(client, "/a")).toBe(true);
  expect(await holds(client, "/a b")).toBe(false);
  await client.put("/a/b/c", "below");
  expect(await holds(client, "/a")).toBe(false);
  expect(await holds(client, "/a/b")).toBe(false);
  expect(await holds(client, "/a/c")).toBe(true);
  await client.delete("/a", { recursive: true });
  expect(await holds(client, "/a")).toBe(true);
  await client.put("/a", "itself");
  expect(await holds(client, "/a")).toBe(false);
  expect(await holds(client, "/")).toBe(false);
});
