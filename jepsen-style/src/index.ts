// The models and checkers, for whoever has a history of its own. The suite itself is the command `quorate-jepsen`.
export { explain } from "./checkers/explanation.js";
export {
  type CheckOptions,
  checkLinearizability,
  type Refutation,
  type Verdict,
} from "./checkers/linearizability.js";
export { type AppendCall, appendModel } from "./models/append.js";
export type { Machine, Model, Operation } from "./models/model.js";
export { REGISTER_INITIAL, type RegisterCall, registerModel } from "./models/register.js";
