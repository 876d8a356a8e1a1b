import { connect, QuorateError } from "@quorate/sdk";

/** Milliseconds in which it has learned who the members are: they were asked for with the first answer. */
const LEARNED_MS = 2_000;
/** Milliseconds in which another member serves it: half of it waits for the one that is cut off. */
export const PLAIN_CALL_MAX_MS = 10_000;

/**
 * LIVE, for clients without a session: one that was given a single member of a healed cluster, and was served by it, is
 * served by the others when that one is cut off from it. Nothing but the answers to its own calls can tell it of them.
 */
export class PlainClient {
  /** What it lacks, in words; undefined when nothing. */
  missing: string | undefined = "it has not begun";

  async run(endpoint: string, cutOff: () => void): Promise<void> {
    const quorate = await connect([endpoint], { session: false, requestTimeoutMs: PLAIN_CALL_MAX_MS });
    try {
      this.missing = `${endpoint} does not serve a client without a session`;
      await quorate.get("/r/a");
      await new Promise((resolve) => setTimeout(resolve, LEARNED_MS));
      cutOff();
      this.missing = `no other member than ${endpoint} serves a client without a session`;
      await quorate.get("/r/a");
      this.missing = undefined;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.missing = `${this.missing}: ${error.code} ${error.message}`;
    } finally {
      await quorate.close();
    }
  }
}
