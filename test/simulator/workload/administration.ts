import { connect, MembershipRefused, type Quorate, QuorateError } from "@quorate/sdk";
import { currentProcess } from "../world/world.js";

/** What an administrator's program wants done, one after the other. */
export type Task =
  | { readonly kind: "transfer"; readonly to: string | undefined }
  /** Adds a member, starts its node, and gives it a vote. */
  | {
      readonly kind: "add";
      readonly name: string;
      readonly address: string;
      readonly start: () => void;
      readonly abandoned: () => boolean;
    }
  /** Gives a member another address, and restarts its node there. */
  | {
      readonly kind: "move";
      readonly name: string;
      readonly address: string;
      readonly moved: () => void;
      readonly abandoned: () => boolean;
    }
  | { readonly kind: "remove"; readonly name: string; readonly removed: () => void };

/** How often a step is tried before it is given up; retries go on for as long as it takes once everything is healed. */
const PAUSE_MS = 300;
const CALL_TIMEOUT_MS = 3_000;

/** The administrator's program: carries tasks out through the SDK, whatever it takes. */
export class AdministrationProgram {
  readonly #queue: Task[] = [];
  /** Tasks that are about to be submitted. */
  #reserved = 0;
  #wake: () => void = () => undefined;
  doing = "nothing";
  changes = 0;
  transfers = 0;

  get busy(): boolean {
    return this.#reserved > 0 || this.#queue.length > 0 || this.doing !== "nothing";
  }

  /** Makes the program busy with a task that it is given soon. */
  reserve(): void {
    this.#reserved++;
  }

  submit(task: Task): void {
    this.#reserved--;
    this.#queue.push(task);
    this.#wake();
  }

  async run(endpoints: () => readonly string[]): Promise<void> {
    for (;;) {
      const task = this.#queue.shift();
      if (task === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.doing = `${task.kind} ${task.kind === "transfer" ? (task.to ?? "") : task.name}`;
      await this.#carryOut(task, endpoints);
      this.doing = "nothing";
    }
  }

  async #carryOut(task: Task, endpoints: () => readonly string[]): Promise<void> {
    switch (task.kind) {
      case "transfer":
        if (await this.#once(endpoints, (quorate) => quorate.transferLeadership(task.to))) this.transfers++;
        return;
      case "add":
        await this.#until(endpoints, "add", (quorate) => quorate.addMember(task.name, task.address));
        task.start();
        await this.#until(endpoints, "promote", async (quorate) => {
          if (!task.abandoned()) await quorate.promoteMember(task.name);
        });
        this.changes += 2;
        return;
      case "move":
        await this.#until(endpoints, "update", async (quorate) => {
          if (!task.abandoned()) await quorate.updateMember(task.name, task.address);
        });
        if (!task.abandoned()) task.moved();
        this.changes++;
        return;
      case "remove":
        await this.#until(endpoints, "remove", async (quorate) => {
          try {
            await quorate.removeMember(task.name);
          } catch (error) {
            // An earlier attempt may have done it without our hearing of it; the leader says so.
            if (!(error instanceof MembershipRefused) || !error.message.includes("there is no member"))
              throw error;
          }
        });
        task.removed();
        this.changes++;
    }
  }

  async #once(
    endpoints: () => readonly string[],
    call: (quorate: Quorate) => Promise<unknown>,
  ): Promise<boolean> {
    const quorate = await connect([...endpoints()], { session: false, requestTimeoutMs: CALL_TIMEOUT_MS });
    try {
      await call(quorate);
      return true;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.doing = `${this.doing.split(":")[0]}: ${error.code} ${error.message}`;
      return false;
    } finally {
      await quorate.close();
    }
  }

  async #until(
    endpoints: () => readonly string[],
    step: string,
    call: (quorate: Quorate) => Promise<unknown>,
  ): Promise<void> {
    const [what] = this.doing.split(":");
    while (!(await this.#once(endpoints, call))) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (0.5 + currentProcess().random.next())));
    }
    this.doing = `${what}: ${step} done`;
  }
}
