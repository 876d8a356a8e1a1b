import { StateKeeper } from "../../../server/src/node/state-keeper.js";
import { type Applied, type Command, StateMachine } from "../../../server/src/state-machine/index.js";
import type { Process } from "../world/process.js";
import { currentProcess } from "../world/world.js";

type ApplyTold = (
  process: Process,
  index: number,
  commands: readonly Command[],
  outcome: Applied,
  machine: StateMachine,
) => void;

/** Hash of the state that was restored, or received and put in place, in this step. */
export const restored: { hash: string | undefined } = { hash: undefined };

const plainRestore = StateMachine.restore;
StateMachine.restore = (...given): StateMachine => {
  const machine = plainRestore(...given);
  restored.hash = machine.hash;
  return machine;
};

const plainInstall = StateKeeper.prototype.install;
StateKeeper.prototype.install = function (this: StateKeeper, ...given): void {
  plainInstall.apply(this, given);
  restored.hash = this.machine.hash;
};

const plainApply = StateMachine.prototype.apply;

/** Tells what every state machine applies. */
export function observeApply(told: ApplyTold): void {
  StateMachine.prototype.apply = function (this: StateMachine, ...given): ReturnType<StateMachine["apply"]> {
    const outcome = plainApply.apply(this, given);
    const [index, , commands] = given;
    told(currentProcess(), index, commands, outcome, this);
    return outcome;
  };
}
