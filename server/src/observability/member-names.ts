import { idText } from "../raft/index.js";

/** Tells the log what members are called. Empty until a node runs, which knows. */
export class MemberNames {
  /** The name of a member; undefined when nobody knows it. */
  lookUp: (id: number) => string | undefined = () => undefined;

  /** Name and id of a member, as the log has it: `n2 (000c0ffee0001234)`. */
  label(id: number): string {
    const name = this.lookUp(id);
    return name === undefined ? idText(id) : `${name} (${idText(id)})`;
  }
}
