// The load on Quorate, a process of its own: `node load.js ENDPOINTS put|get IN_FLIGHT SECONDS KEY_PREFIX` prints a Run.
import { connect } from "@quorate/sdk";
import { toRun } from "./statistics.js";

const WARM_UP_MS = 1_000;
const VALUE_BYTES = 256;
/** Keys that gets choose from. */
const READ_KEYS = 1_000;

const [endpoints = "", operation = "", inFlightText = "", secondsText = "", prefix = ""] =
  process.argv.slice(2);
const inFlight = Number(inFlightText);
const seconds = Number(secondsText);
const value = new Uint8Array(VALUE_BYTES).fill(0x76);

const client = await connect(endpoints);
if (operation === "get") {
  await Promise.all(Array.from({ length: READ_KEYS }, (_, i) => client.put(`/bench/read/${i}`, value)));
}

let next = 0;
const once =
  operation === "put"
    ? () => client.put(`/bench/${prefix}/${next++}`, value)
    : () => client.get(`/bench/read/${next++ % READ_KEYS}`);

const startedAtMs = performance.now();
const measureFromMs = startedAtMs + WARM_UP_MS;
const endAtMs = measureFromMs + seconds * 1_000;
const latenciesMs: number[] = [];

async function worker(): Promise<void> {
  for (let now = performance.now(); now < endAtMs; ) {
    await once();
    const done = performance.now();
    if (now >= measureFromMs && done <= endAtMs) latenciesMs.push(done - now);
    now = done;
  }
}

await Promise.all(Array.from({ length: inFlight }, worker));
process.stdout.write(`${JSON.stringify(toRun(latenciesMs, seconds))}\n`);
await client.close();
