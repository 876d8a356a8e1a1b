import type { Network } from "./network.js";

let network: Network | undefined;

/** The network of the simulation that runs. */
export function currentNetwork(): Network {
  if (network === undefined) throw new Error("no simulation is running");
  return network;
}

export function setCurrentNetwork(next: Network | undefined): void {
  network = next;
}
