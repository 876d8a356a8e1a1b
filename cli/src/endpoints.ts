import { CommandFailure } from "./command-failure.js";
import { exitCode } from "./exit-code.js";

/** Where `quorate dev` listens by default. */
export const defaultEndpoints: readonly string[] = ["127.0.0.1:7400", "127.0.0.1:7410", "127.0.0.1:7420"];

/**
 * The endpoints of a comma-separated list, in order and each once.
 *
 * @throws CommandFailure (usage) when the list is empty or one is not `host:port`.
 */
export function parseEndpoints(lists: readonly string[]): string[] {
  const endpoints = lists.flatMap((list) => list.split(",")).map((endpoint) => endpoint.trim());
  const named = [...new Set(endpoints.filter((endpoint) => endpoint !== ""))];
  if (named.length === 0) {
    throw new CommandFailure(exitCode.usage, "--endpoints is empty; give for example 127.0.0.1:7400");
  }
  for (const endpoint of named) {
    const port = Number(/^.+:(\d{1,5})$/.exec(endpoint)?.[1] ?? Number.NaN);
    if (!(port >= 1 && port <= 65_535)) {
      throw new CommandFailure(exitCode.usage, `--endpoints: "${endpoint}" is not host:port`);
    }
  }
  return named;
}
