import { expect, it } from "vitest";
import { bounds } from "../client/options.js";
import { MemberRefresh } from "./member-refresh.js";

it("asks the node that served, not while it asks already, and not again before it is time", async () => {
  const asked: string[] = [];
  let answer: (() => void) | undefined;
  const refresh = new MemberRefresh((endpoint) => {
    asked.push(endpoint);
    return new Promise<void>((_, reject) => {
      answer = () => reject(new Error("gone"));
    });
  });
  refresh.served("a:1", 0);
  refresh.served("b:1", 2 * bounds.membersRefreshMs);
  expect(asked).toEqual(["a:1"]);
  answer?.();
  await new Promise((resolve) => setImmediate(resolve));
  refresh.served("b:1", bounds.membersRefreshMs - 1);
  expect(asked).toEqual(["a:1"]);
  refresh.served("b:1", bounds.membersRefreshMs);
  expect(asked).toEqual(["a:1", "b:1"]);
});

it("does not ask for a while after the application did", () => {
  const asked: string[] = [];
  const refresh = new MemberRefresh(async (endpoint) => asked.push(endpoint));
  refresh.learned(100);
  refresh.served("a:1", 99 + bounds.membersRefreshMs);
  expect(asked).toEqual([]);
  refresh.served("a:1", 100 + bounds.membersRefreshMs);
  expect(asked).toEqual(["a:1"]);
});
