import { describe, expect, it } from "vitest";
import type { LogFormat } from "../config.js";
import { createLogger } from "./logger.js";
import { MemberNames } from "./member-names.js";

/** What a logger writes when `say` talks to it. */
function written(format: LogFormat, say: (logger: ReturnType<typeof createLogger>) => void): string {
  const names = new MemberNames();
  names.lookUp = (id) => (id === 255 ? "n2" : undefined);
  let text = "";
  const sink = {
    write: (line: string) => {
      text += line;
    },
  };
  say(createLogger({ level: "info", format, node: "n1" }, names, sink));
  return text;
}

describe("the log", () => {
  it("has the time in ISO 8601, the level by name, and members by name and id as `member list` has them", () => {
    const line = written("json", (logger) => logger.warn({ peer: 255, clusterId: 4096 }, "lost"));
    expect(JSON.parse(line)).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      node: "n1",
      peer: "n2 (00000000000000ff)",
      clusterId: "0000000000001000",
      msg: "lost",
    });
  });

  it("names a member in the lines of a child as well, and has the id alone of one that nobody knows", () => {
    const line = written("json", (logger) => logger.child({ peer: 255 }).info({ from: 16 }, "heard"));
    expect(JSON.parse(line)).toMatchObject({ peer: "n2 (00000000000000ff)", from: "0000000000000010" });
  });

  it("is one line of text for people on request", () => {
    const line = written("text", (logger) => logger.info({ peer: 255, term: 7 }, "connected"));
    expect(line).toMatch(
      /^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] INFO: n1: connected \{"peer":"n2 \(00000000000000ff\)","term":7\}\n$/,
    );
  });
});
