// npm run bench -- [throughput | fan-out | leases | keys] [options]; --help with any of them
import { benchFanOut } from "./fan-out.js";
import { benchKeys } from "./keys.js";
import { benchLeases } from "./leases.js";
import { benchThroughput } from "./throughput.js";

const benchmarks = new Map([
  ["throughput", benchThroughput],
  ["fan-out", benchFanOut],
  ["leases", benchLeases],
  ["keys", benchKeys],
]);

const [first = "", ...rest] = process.argv.slice(2);
const chosen = benchmarks.get(first);
await (chosen === undefined ? benchThroughput(process.argv.slice(2)) : chosen(rest));
