import type { Nemesis } from "./nemesis.js";
import { chooseTargets } from "./targets.js";

/** Stops servers in their tracks with SIGSTOP; heals with SIGCONT, so that they wake up believing what was true before. */
export const pause: Nemesis = {
  name: "pause",
  strike: async (cluster, random) => {
    const targets = await chooseTargets(cluster, random);
    for (const name of targets) cluster.server(name).pause();
    return {
      description: `paused ${targets.join(", ")}`,
      heal: async () => {
        for (const name of targets) cluster.server(name).resume();
      },
    };
  },
};
