import { afterEach, describe, expect, it, vi } from "vitest";
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

afterEach(() => {
  vi.useRealTimers();
});

describe("an outflow", () => {
  it("gives a blocked client up once it took nothing for the whole of its patience, and not while it takes", () => {
    vi.useFakeTimers();
    const stream = new Stream();
    let stalls = 0;
    const patience = { stalledMs: 1_000, stalled: () => stalls++ };
    const outflow = new Outflow(stream, () => undefined, patience);
    const eighth = bounds.streamUnsentBytesMax / 8;
    for (let i = 0; i < 8; i++) {
      outflow.reserve(eighth);
      outflow.write("reply", eighth);
    }
    for (let i = 0; i < 3; i++) {
      vi.advanceTimersByTime(900);
      stream.taken();
    }
    expect([outflow.blocked, stalls]).toEqual([true, 0]);
    vi.advanceTimersByTime(999);
    expect(stalls).toBe(0);
    vi.advanceTimersByTime(1);
    expect(stalls).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(stalls).toBe(1);
  });

  it("waits for nobody while it is not blocked, nor after its stream is over", () => {
    vi.useFakeTimers();
    const stream = new Stream();
    let stalls = 0;
    const outflow = new Outflow(stream, () => undefined, { stalledMs: 1_000, stalled: () => stalls++ });
    const fill = (): void => {
      outflow.reserve(bounds.streamUnsentBytesMax);
      outflow.write("reply", bounds.streamUnsentBytesMax);
    };
    fill();
    stream.taken();
    vi.advanceTimersByTime(2_000);
    fill();
    outflow.close();
    vi.advanceTimersByTime(2_000);
    expect([stalls, vi.getTimerCount()]).toEqual([0, 0]);
  });

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
