import { spawn } from "node:child_process";
import { root } from "../build/bundle.js";
import type { Caught } from "./hunt.js";
import type { Mutation } from "./mutation.js";

/** Runs the mutation's own tests with it in place, and returns the first that fails; undefined when all pass. */
export async function huntInTests(mutation: Mutation): Promise<Caught | undefined> {
  const child = spawn(
    "npx",
    ["vitest", "run", "--project", "unit", "--reporter=json", ...(mutation.tests ?? [])],
    {
      cwd: root,
      env: { ...process.env, QUORATE_MUTATION: JSON.stringify(mutation.edits) },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let report = "";
  child.stdout.on("data", (piece: Buffer) => {
    report += piece.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  const start = report.indexOf("{");
  const { testResults } = JSON.parse(report.slice(start)) as {
    testResults: { assertionResults: { status: string; fullName: string }[] }[];
  };
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  if (results.length === 0) throw new Error(`mutation ${mutation.name}: no test was run`);
  const failed = results.find(({ status }) => status === "failed");
  return failed === undefined ? undefined : { by: `test "${failed.fullName.trim()}"`, seeds: undefined };
}
