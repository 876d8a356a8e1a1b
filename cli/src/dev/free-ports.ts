import { createServer } from "node:net";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { type ClusterPlan, localHost } from "./node-plan.js";

/**
 * Makes sure that every port of the plan can be listened on, before anything is started.
 *
 * @throws CommandFailure (usage) naming the first port that cannot.
 */
export async function checkPortsFree(plan: ClusterPlan): Promise<void> {
  for (const { name, ports } of plan.nodes) {
    for (const { port, purpose } of ports) {
      const problem = await listenProblem(port);
      if (problem === undefined) continue;
      const reason = problem === "EADDRINUSE" ? "is in use" : `cannot be listened on (${problem})`;
      throw new CommandFailure(
        exitCode.usage,
        `port ${port} (${name}, ${purpose}) ${reason}: stop what listens there, for example another \`quorate dev\`, or choose others with --port`,
      );
    }
  }
}

function listenProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: localHost, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
