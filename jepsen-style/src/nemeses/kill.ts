import type { Nemesis } from "./nemesis.js";
import { chooseTargets } from "./targets.js";

/** Ends servers with SIGKILL; heals by starting them on the data they left. */
export const kill: Nemesis = {
  name: "kill",
  strike: async (cluster, random) => {
    const targets = await chooseTargets(cluster, random);
    await Promise.all(targets.map((name) => cluster.server(name).kill()));
    return {
      description: `killed ${targets.join(", ")}`,
      heal: async () => {
        for (const name of targets) cluster.server(name).start();
      },
    };
  },
};
