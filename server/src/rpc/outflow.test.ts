import { describe, expect, it } from "vitest";
import { bounds } from "../config.js";
import { Outflow, type ReplyStream } from "./outflow.js";

class Stream implements ReplyStream<string> {
  readonly written: string[] = [];
  private readonly unsent: (() => void)[] = [];
  paused = false;

  write(reply: string, sent: () => void): boolean {
    this.written.push(reply);
    this.unsent.push(sent);
    return true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** The client takes the oldest reply. */
  taken(): void {
    this.unsent.shift()?.();
  }
}

describe("an outflow", () => {
  it("stops reading when too much waits for the client, and goes on at half of that", () => {
    const stream = new Stream();
    let drains = 0;
    const outflow = new Outflow(stream, () => drains++);
    const quarter = bounds.streamUnsentBytesMax / 4;
    const write = (): void => {
      outflow.reserve(quarter);
      outflow.write("reply", quarter);
    };
    for (let i = 0; i < 3; i++) write();
    expect([outflow.blocked, stream.paused]).toEqual([false, false]);
    write();
    expect([outflow.blocked, stream.paused]).toEqual([true, true]);
    stream.taken();
    expect([outflow.blocked, stream.paused, drains]).toEqual([true, true, 0]);
    stream.taken();
    expect([outflow.blocked, stream.paused, drains]).toEqual([false, false, 1]);
  });

  it("counts what is reserved before it is written", () => {
    const stream = new Stream();
    const outflow = new Outflow(stream, () => undefined);
    outflow.reserve(bounds.streamUnsentBytesMax);
    expect([outflow.blocked, stream.paused, stream.written]).toEqual([true, true, []]);
  });
});
