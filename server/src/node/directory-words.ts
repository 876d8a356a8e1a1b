import { idText } from "../raft/index.js";
import type { Identity } from "../storage/identity-file.js";

/** A member as `quorate member list` shows it. */
export function memberWords({ name, memberId }: Pick<Identity, "name" | "memberId">): string {
  return `member "${name}" (${idText(memberId)})`;
}

/** How a member whose data are lost is replaced, command by command. */
export function replaceWords(name: string): string {
  return `remove the member (\`quorate member remove ${name}\`), ${addWords(name)}`;
}

/** How a node comes back that is no member any more. */
export function addWords(name: string): string {
  return `add it again (\`quorate member add ${name} PEER_HOST:PORT\`), and start it with --join and an empty --data-dir`;
}

/** What to do with a directory that is not the one by which the cluster knows a member. */
export function disownedWords(name: string): string {
  return `It may have forgotten what the member promised, so it must not be used again. If the member runs elsewhere, delete this directory; otherwise ${replaceWords(name)}`;
}
