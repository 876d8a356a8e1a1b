import type { Configuration, LogEntry, Message } from "./index.js";
import { decode, type Envelope, Network, type Node } from "./network.test-support.js";

/**
 * Runs a scenario and returns it with the output that it has. A scenario is made of blocks between empty lines: comments,
 * each line of which begins with `#`, or commands, followed by a line `----` and their output.
 *
 * - `cluster N`: voters 1 to N, whose timers run out in this order; `join ID…`: nodes that know nothing and wait
 * - `elect ID`: time passes until ID leads, everything arrives; `run N [ID…]`: N ticks, everything arrives
 * - `tick ID [N]`: N ticks, what is sent stays on its way; `settle`: everything arrives, and what it causes
 * - `deliver [A->B] [KIND]`: what is on its way arrives and is printed; what it causes stays on its way
 * - `duplicate`, `forget` with the same arguments: it is on its way twice, or lost
 * - `partition ID…`: nothing passes between these and the others; `drop [A->B] [KIND]`: nothing such passes; `heal`
 * - `propose ID TEXT…`, `change ID add|promote|remove|readdress MEMBER`, `transfer ID TO`, `read ID CONTEXT`
 * - `slow ID`: its disk writes on `flush ID [N]` only; `fast ID`; `crash ID…`, `restart ID…`, `cut ID INDEX`
 * - `status [ID…]`, `log [ID…]`, `progress ID`, `reads ID`, `messages`: print
 */
export function runScript(script: string): string {
  const runner = new Runner();
  const blocks = script.trim().split(/\n\n+/);
  const run = blocks.map((block) => {
    const lines = block.split("\n");
    const end = lines.indexOf("----");
    const commands = end === -1 ? lines : lines.slice(0, end);
    if (commands.every((line) => line.startsWith("#"))) return block;
    const output = commands.flatMap((line) => (line.startsWith("#") ? [] : runner.run(line)));
    return [...commands, "----", ...output].join("\n");
  });
  return `${run.join("\n\n")}\n`;
}

class Runner {
  private network = new Network(0);

  run(line: string): string[] {
    const { network } = this;
    const [command = "", ...words] = line.split(/\s+/);
    const [id = 0, second = 0] = words.map(Number);
    const ids = words.length > 0 ? words.map(Number) : [...network.nodes.keys()];
    switch (command) {
      case "cluster":
        // Timeouts of 10, 11, 12… ticks: nobody stands at the same time as another.
        this.network = new Network(id, (node) => () => ((node - 1) * 0.17) % 1);
        return [];
      case "join":
        for (const each of ids) network.join(each);
        return [];
      case "elect":
        network.elect(id);
        return [];
      case "run":
        network.tick(words.length > 1 ? ids.slice(1) : [...network.nodes.keys()], id);
        return [];
      case "tick":
        for (let i = 0; i < (second || 1); i++) {
          network.node(id).raft.tick();
          network.work(id);
        }
        return [];
      case "settle":
        network.settle();
        return [];
      case "deliver":
        return this.deliver(matching(words));
      case "duplicate":
        network.inTransit.push(...network.inTransit.filter(matching(words)));
        return [];
      case "forget":
        network.lose(matching(words));
        return [];
      case "partition":
        network.isolate(...ids);
        return [];
      case "drop": {
        const isDropped = matching(words);
        const { lost } = network;
        network.lost = (envelope) => lost(envelope) || isDropped(envelope);
        return [];
      }
      case "heal":
        network.heal();
        return [];
      case "propose":
        for (const text of words.slice(1)) {
          const proposal = network.node(id).raft.propose(Uint8Array.from(text, (char) => char.charCodeAt(0)));
          if (!proposal.accepted) return [`refused: ${proposal.reason}`];
        }
        network.work(id);
        return [];
      case "change":
        return this.change(id, words[1] ?? "", Number(words[2]));
      case "transfer": {
        const result = network.node(id).raft.transferLeadership(second);
        network.work(id);
        return [result.accepted ? "accepted" : `refused: ${result.reason}`];
      }
      case "read":
        network.node(id).raft.readIndex(second);
        network.work(id);
        return [];
      case "slow":
        network.node(id).slow = true;
        return [];
      case "fast":
        network.node(id).slow = false;
        network.flush(id);
        network.work(id);
        return [];
      case "flush":
        network.flush(id, second || Number.POSITIVE_INFINITY);
        network.work(id);
        return [];
      case "crash":
        for (const each of ids) network.crash(each);
        return [];
      case "restart":
        for (const each of ids) network.restart(each);
        for (const each of ids) network.work(each);
        return [];
      case "cut": {
        const node = network.node(id);
        node.raft.cut(node.storage.cut(second));
        return [];
      }
      case "status":
        return ids.map((each) => statusOf(network.node(each)));
      case "log":
        return ids.map((each) => `${each}: ${logOf(network.node(each))}`);
      case "progress":
        return network
          .node(id)
          .raft.followers()
          .map(
            ({ id: of, standing, state, matchIndex, active }) =>
              `${of}: ${standing}, ${state}, match ${matchIndex}${active ? "" : ", silent"}`,
          );
      case "reads":
        return network
          .node(id)
          .reads.splice(0)
          .map(({ context, index }) => `read ${context}: ${index === undefined ? "refused" : `at ${index}`}`);
      case "messages":
        return network.inTransit.map(describe);
      default:
        throw new Error(`unknown command: ${line}`);
    }
  }

  private deliver(isMeant: (envelope: Envelope) => boolean): string[] {
    const { network } = this;
    const delivered = network.inTransit.filter(isMeant);
    network.inTransit = network.inTransit.filter((envelope) => !isMeant(envelope));
    for (const envelope of delivered) {
      network.deliver(envelope);
      network.work(envelope.to);
    }
    return delivered.map(describe);
  }

  private change(leader: number, kind: string, id: number): string[] {
    const { network } = this;
    const { raft } = network.node(leader);
    const result =
      kind === "add"
        ? network.addLearner(leader, id)
        : kind === "readdress"
          ? raft.changeMembership({ kind, id, address: `moved${id}:7401` })
          : raft.changeMembership({ kind: kind === "promote" ? "promote" : "remove", id });
    network.work(leader);
    return [result.accepted ? `accepted at ${result.index}` : `refused: ${result.reason}`];
  }
}

/** Whether an envelope is meant by `[A->B] [KIND]`. */
function matching(words: readonly string[]): (envelope: Envelope) => boolean {
  const link = words.find((word) => word.includes("->"));
  const kind = words.find((word) => !word.includes("->"));
  return (envelope) =>
    (link === undefined || link === `${envelope.from}->${envelope.to}`) &&
    (kind === undefined || kind === kindOf(envelope.message));
}

function kindOf(message: Message): string {
  const isPreVote =
    (message.kind === "requestVote" || message.kind === "requestVoteResult") && message.preVote;
  return isPreVote ? message.kind.replace("requestVote", "preVote") : message.kind;
}

function statusOf({ id, raft, alive }: Node): string {
  if (!alive) return `${id}: down`;
  const { role, term, leader, commitIndex, appliedIndex, firstIndex, lastIndex } = raft.status();
  const log = `log ${firstIndex}-${lastIndex} commit ${commitIndex} applied ${appliedIndex}`;
  const configuration = `configuration ${raft.configurationIndex} ${members(raft.configuration)}`;
  return `${id}: ${role} term ${term} leader ${leader || "none"}, ${log}, ${configuration}`;
}

/** Voters by id, learners in parentheses, with a mark where the address was changed. */
function members(configuration: Configuration): string {
  const ids = configuration.members.map(({ id, role, readdressed }) => {
    const marked = readdressed === true ? `${id}@` : `${id}`;
    return role === "voter" ? marked : `(${marked})`;
  });
  return `{${ids.join(" ")}}`;
}

/** What is on the disk; behind a bar what is still on its way there. */
function logOf({ storage, disk }: Node): string {
  const stored = storage.log.map(entry);
  const writing = disk.flatMap(({ persist }) => persist?.entries.map(entry) ?? []);
  const start =
    storage.position.index > 0 ? [`snapshot ${storage.position.index}/${storage.position.term}`] : [];
  return [...start, ...stored, ...(writing.length > 0 ? ["|", ...writing] : [])].join(" ");
}

/** index/term and what it holds. */
function entry({ index, term, kind, data }: LogEntry): string {
  const content = kind === "noop" ? "" : kind === "configuration" ? configurationIn(data) : decode(data);
  return `${index}/${term}${content === "" ? "" : `:${content}`}`;
}

function configurationIn(data: Uint8Array): string {
  return members(JSON.parse(decode(data)));
}

function describe({ from, to, message }: Envelope): string {
  return `${from}->${to} ${kindOf(message)}${details(message)}`;
}

function details(message: Message): string {
  switch (message.kind) {
    case "appendEntries": {
      const { term, previousIndex, previousTerm, commitIndex, entries } = message;
      const list = entries.length === 0 ? "" : ` [${entries.map(entry).join(" ")}]`;
      return ` term ${term} after ${previousIndex}/${previousTerm} commit ${commitIndex}${list}`;
    }
    case "appendEntriesResult": {
      const { term, rejected, index, hintIndex, hintTerm } = message;
      return ` term ${term} ${rejected ? `refused ${index} hint ${hintIndex}/${hintTerm}` : `match ${index}`}`;
    }
    case "heartbeat":
      return ` term ${message.term} commit ${message.commitIndex} round ${message.readRound}`;
    case "heartbeatResult":
      return ` term ${message.term} round ${message.readRound}`;
    case "requestVote": {
      const { term, lastIndex, lastTerm, transfer } = message;
      return ` term ${term} last ${lastIndex}/${lastTerm}${transfer ? " transfer" : ""}`;
    }
    case "requestVoteResult":
      return ` term ${message.term} ${message.granted ? "granted" : "refused"}`;
    case "readIndex":
      return ` ${message.context}`;
    case "readIndexResult":
      return ` ${message.context} ${message.rejected ? "refused" : `at ${message.index}`}`;
    case "installSnapshot": {
      const { term, lastIndex, lastTerm, configuration } = message;
      const known = `${configuration.index} ${members(configuration.configuration)}`;
      return ` term ${term} at ${lastIndex}/${lastTerm} configuration ${known}`;
    }
    case "timeoutNow":
      return ` term ${message.term}`;
  }
}
