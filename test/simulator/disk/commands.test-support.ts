import {
  type CommandBody,
  type Compare,
  type DeleteRange,
  type Put,
  type Range,
  StateMachine,
} from "../../../server/src/state-machine/index.js";

/** A put of a text. */
export function put(key: string, text = "", options: Partial<Put> = {}): Put {
  return {
    kind: "put",
    key,
    value: new TextEncoder().encode(text),
    lease: 0,
    sequential: false,
    returnPrevious: false,
    ignoreValue: false,
    ignoreLease: false,
    ...options,
  };
}

/** A delete of one key. */
export function del(key: string, returnPrevious: boolean): DeleteRange {
  return { kind: "delete", key, end: undefined, subtree: false, returnPrevious };
}

/** A read of every key from `key` on. */
export function readFrom(key: string): Range {
  return {
    kind: "range",
    key,
    end: "",
    limit: 0,
    revision: 0,
    keysOnly: false,
    countOnly: false,
    childrenOf: undefined,
  };
}

/** Holds when a key was written more than `version` times since it was created. */
export function isNewerThan(key: string, version: number): Compare {
  return {
    key,
    end: undefined,
    subtree: false,
    relation: "greater",
    target: { kind: "version", number: version },
  };
}

/** A state machine that never needs the disk to remember. */
export function newMachine(): StateMachine {
  return new StateMachine({ change: () => undefined });
}

/** Applies one command outside any session, as the next entry. */
export function run(machine: StateMachine, body: CommandBody): void {
  const command = { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body };
  machine.apply(machine.appliedIndex + 1, 1, [command]);
}
