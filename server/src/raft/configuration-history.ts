import { type Configuration, type ConfigurationAt, decodeConfiguration } from "./configuration.js";
import type { LogEntry } from "./entry.js";
import { invariant } from "./invariant.js";

/**
 * The configurations of the log, oldest first. A configuration is in effect from the moment its entry is in the log,
 * committed or not, until the entry is truncated away (thesis, section 4.1): so this follows the log's every change.
 *
 * Invariant: never empty, ascending by index; the last one is in effect.
 */
export class ConfigurationHistory {
  private known: ConfigurationAt[];

  /** `base` is in effect at `applied`; `stored` are the configuration entries of the stored log. */
  constructor(base: ConfigurationAt, applied: number, stored: readonly LogEntry[]) {
    invariant(base.index <= applied, `the configuration of entry ${base.index} is not applied yet`);
    this.known = stored.filter(({ index }) => index < base.index).map(toConfigurationAt);
    this.known.push(base);
    for (const entry of stored) {
      if (entry.index <= base.index) continue;
      invariant(
        entry.index > applied,
        `the state at ${applied} holds the configuration of ${base.index} instead of ${entry.index}`,
      );
      this.appended(entry);
    }
  }

  /** The configuration in effect. */
  get newest(): ConfigurationAt {
    const newest = this.known[this.known.length - 1];
    invariant(newest !== undefined, "there is no configuration");
    return newest;
  }

  /** The one in effect at a log index, which must not lie before the oldest one known. */
  asOf(index: number): ConfigurationAt {
    const found = this.known.findLast((configuration) => configuration.index <= index);
    invariant(found !== undefined, `the configuration at ${index} is not known any more`);
    return found;
  }

  /** The one before the one in effect, if the log still tells. */
  get previous(): Configuration | undefined {
    return this.known[this.known.length - 2]?.configuration;
  }

  /** An entry of kind "configuration" joined the log. */
  appended(entry: LogEntry): void {
    const { newest } = this;
    const next = toConfigurationAt(entry);
    invariant(next.index > newest.index, `configuration ${next.index} does not follow ${newest.index}`);
    // The same object while nothing changes, so that whoever follows the configuration compares by identity.
    const unchanged = isSame(next.configuration, newest.configuration);
    this.known.push(unchanged ? { index: next.index, configuration: newest.configuration } : next);
  }

  /** The log lost its entries from `index` on: what they configured is rolled back. */
  truncatedFrom(index: number): void {
    while (this.newest.index >= index) {
      this.known.pop();
      invariant(this.known.length > 0, "the configuration that the state holds would be rolled back");
    }
  }

  /** The log begins after `index` now: older configurations are only kept as far as they are in effect there. */
  cutTo(index: number): void {
    const first = this.known.findLastIndex((configuration) => configuration.index <= index);
    if (first > 0) this.known.splice(0, first);
  }

  /** A snapshot replaced the log. */
  restored(configuration: ConfigurationAt): void {
    this.known = [configuration];
  }
}

function toConfigurationAt({ index, data }: LogEntry): ConfigurationAt {
  return { index, configuration: decodeConfiguration(data) };
}

function isSame(a: Configuration, b: Configuration): boolean {
  return (
    a.members.length === b.members.length &&
    a.members.every((member, at) => {
      const other = b.members[at];
      return (
        other !== undefined &&
        member.id === other.id &&
        member.name === other.name &&
        member.address === other.address &&
        member.role === other.role &&
        member.readdressed === other.readdressed &&
        member.movedFrom?.join() === other.movedFrom?.join()
      );
    })
  );
}
