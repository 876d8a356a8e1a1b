import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LocalCluster } from "../cluster/local-cluster.js";
import type { Run } from "./statistics.js";
import type { Operation, System } from "./system.js";

const LOAD = fileURLToPath(new URL("./load.js", import.meta.url));
const run = promisify(execFile);

/** Three nodes of this checkout, driven by the SDK in one process. */
export class QuorateSystem implements System {
  readonly description =
    "Quorate: 3 nodes, the SDK's session stream, exactly-once puts of fresh keys, linearizable gets";
  readonly cluster: LocalCluster;
  private runs = 0;

  private constructor(cluster: LocalCluster) {
    this.cluster = cluster;
  }

  /** Three nodes, with these flags beside the usual ones. */
  static async start(flags: readonly string[] = ["--log-level", "warn"]): Promise<QuorateSystem> {
    return new QuorateSystem(await LocalCluster.start({ flags }));
  }

  async measure(operation: Operation, inFlight: number, seconds: number): Promise<Run> {
    const before = await this.revision();
    const { stdout } = await run(process.execPath, [
      LOAD,
      this.cluster.endpoints.join(","),
      operation,
      String(inFlight),
      String(seconds),
      `run${this.runs++}`,
    ]);
    const result = JSON.parse(stdout) as Run;
    const acknowledged = result.perSecond * seconds;
    if (operation === "put" && (await this.revision()) - before < acknowledged) {
      throw new Error("the revision did not rise by the number of acknowledged puts");
    }
    return result;
  }

  private async revision(): Promise<number> {
    const leader = await this.cluster.waitForLeader();
    return (await this.cluster.status(leader))?.revision ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}
