import { interleaved } from "./backlog.js";
import { EventQueue, type Scheduled } from "./event-queue.js";
import type { Process } from "./process.js";
import { Trace } from "./trace.js";

interface WorldEvent extends Scheduled {
  readonly process: Process | undefined;
  readonly label: string;
  readonly run: () => void;
  /** More about it, put into words only if it is shown. */
  readonly detail: (() => string) | undefined;
  /** The connection that it comes over; undefined for what is the process's own. */
  readonly lane: object | undefined;
  cancelled: boolean;
}

/** Something scheduled that may be called off. */
export interface Cancellable {
  cancelled: boolean;
}

/** Milliseconds of a wait for the disk in which so much piles up that its order is not that of arrival. */
const STANDSTILL_MIN_MS = 50;

/** Runs every callback that was queued by the code of an event: the microtasks and `process.nextTick` of Node. */
const drainCallbacks = (process as unknown as { _tickCallback(): void })._tickCallback;

/**
 * True time and everything that happens in it, one event after the other. An event belongs to a process, whose clock,
 * chance, disk and network its code sees while it runs, all of its promises' continuations included.
 */
export class World {
  readonly trace = new Trace();
  /** The process whose code is running. */
  current: Process | undefined;
  /** Called after every event of a live process. */
  afterStep: (process: Process) => void = () => undefined;
  /** Called before every event of a process. */
  beforeStep: (process: Process) => void = () => undefined;
  #nowMs = 0;
  #order = 0;
  #events = 0;
  readonly #queue = new EventQueue<WorldEvent>();
  /** What runs before time goes on. */
  #immediate: WorldEvent[] = [];
  #immediateAt = 0;

  /** True time, in milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Schedules `run` in `process`, or outside of every process; `lane` stands for the connection that it comes over. */
  at(
    atMs: number,
    process: Process | undefined,
    label: string,
    run: () => void,
    detail?: () => string,
    lane?: object,
  ): Cancellable {
    const event = this.#event(atMs, process, label, run, detail, lane);
    this.#queue.push(event);
    return event;
  }

  after(delayMs: number, process: Process | undefined, label: string, run: () => void): Cancellable {
    return this.at(this.#nowMs + Math.max(0, delayMs), process, label, run);
  }

  /** Schedules `run` right after what runs now, at the same moment. */
  soon(process: Process | undefined, label: string, run: () => void): Cancellable {
    const event = this.#event(this.#nowMs, process, label, run, undefined, undefined);
    this.#immediate.push(event);
    return event;
  }

  #event(
    atMs: number,
    process: Process | undefined,
    label: string,
    run: () => void,
    detail: (() => string) | undefined,
    lane: object | undefined,
  ): WorldEvent {
    return { atMs, order: this.#order++, process, label, run, detail, lane, cancelled: false };
  }

  /** Runs events until `untilMs`, or until `done` says so after an event. */
  run(untilMs: number, done: () => boolean): void {
    while (!done()) {
      const event = this.#next(untilMs);
      if (event === undefined) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      if (!event.cancelled) this.#dispatch(event);
    }
  }

  #next(untilMs: number): WorldEvent | undefined {
    const immediate = this.#immediate[this.#immediateAt];
    if (immediate !== undefined) {
      this.#immediateAt++;
      if (this.#immediateAt === this.#immediate.length) {
        this.#immediate = [];
        this.#immediateAt = 0;
      }
      return immediate;
    }
    const event = this.#queue.pop();
    if (event === undefined) return undefined;
    if (event.atMs > untilMs) {
      // Pushed back rather than kept: something earlier may be scheduled before the next run.
      this.#queue.push(event);
      return undefined;
    }
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    return event;
  }

  #dispatch(event: WorldEvent): void {
    const { process } = event;
    if (process === undefined) {
      this.#events++;
      this.trace.note(this.#nowMs, "world", event.label);
      event.run();
      return;
    }
    if (!process.alive) return;
    if (process.blockedUntilMs > this.#nowMs) {
      process.backlog.push({ lane: event.lane, run: () => this.#requeue(event) });
      this.#runBacklog(process);
      return;
    }
    this.#events++;
    this.trace.note(this.#nowMs, process.host, event.label, event.detail);
    this.runIn(process, event.run);
  }

  #requeue(event: WorldEvent): void {
    if (event.cancelled) return;
    // The same object stays cancellable by whoever scheduled it.
    this.#queue.push(Object.assign(event, { atMs: this.#nowMs, order: this.#order++ }));
  }

  /**
   * What waits runs now, or when the disk has answered. It stays in one line, whatever it waits for in turn: a pause
   * that begins and ends during a slow write must not let what came later go first. After a standstill the line is put
   * in an order of its own, once.
   */
  #runBacklog(process: Process): void {
    if (process.blockedUntilMs <= this.#nowMs) {
      const waiting = process.backlog.splice(0);
      const order = process.stoodStill ? interleaved(waiting, process.orders) : waiting;
      process.stoodStill = false;
      for (const { run } of order) run();
    } else if (process.blockedUntilMs < Number.POSITIVE_INFINITY && !process.wakes) {
      process.wakes = true;
      this.at(process.blockedUntilMs, undefined, "wake", () => {
        process.wakes = false;
        this.#runBacklog(process);
      });
    }
  }

  /** Runs code of `process` now, with all that follows from it at once. */
  runIn(process: Process, work: () => void): void {
    const outer = this.current;
    this.current = process;
    this.beforeStep(process);
    try {
      work();
      drainCallbacks();
    } catch (error) {
      process.onUncaught(error);
    }
    process.steps++;
    if (process.alive) this.afterStep(process);
    this.current = outer;
    const alarm = process.stepAlarm;
    if (alarm !== undefined && process.steps >= alarm.at) {
      process.stepAlarm = undefined;
      if (process.alive) alarm.run();
    }
  }

  /** Nothing of the process runs until `resume`. */
  pause(process: Process): void {
    process.blockedUntilMs = Number.POSITIVE_INFINITY;
    process.stoodStill = true;
  }

  resume(process: Process): void {
    if (process.blockedUntilMs !== Number.POSITIVE_INFINITY) return;
    process.blockedUntilMs = Math.max(this.#nowMs, process.busyUntilMs);
    this.#runBacklog(process);
  }

  /** The process is busy for `ms`: waiting for its disk. */
  block(process: Process, ms: number): void {
    process.busyUntilMs = Math.max(process.busyUntilMs, this.#nowMs + ms);
    if (ms >= STANDSTILL_MIN_MS) process.stoodStill = true;
    if (process.blockedUntilMs === Number.POSITIVE_INFINITY) return;
    process.blockedUntilMs = Math.max(process.blockedUntilMs, process.busyUntilMs);
  }

  /** Ends a process: nothing of it runs any more. */
  end(process: Process, how: "exit" | "power"): void {
    if (!process.alive) return;
    process.alive = false;
    process.backlog.length = 0;
    for (const told of [...process.onEnd]) told(how);
    process.onEnd.clear();
  }
}

let world: World | undefined;

/** The world of the simulation that runs. */
export function currentWorld(): World {
  if (world === undefined) throw new Error("no simulation is running");
  return world;
}

export function setCurrentWorld(next: World | undefined): void {
  world = next;
}

/** The process whose code is running. */
export function currentProcess(): Process {
  const process = currentWorld().current;
  if (process === undefined) throw new Error("not inside a simulated process");
  return process;
}
