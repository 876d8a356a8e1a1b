import { isPure } from "./arrows.js";
import type { SourceFile, Violation } from "./source-file.js";
import { type Token, tokenize } from "./tokens.js";

/** What pure code must not name, and what it does instead. */
const impureNames: ReadonlyMap<string, string> = new Map([
  ["performance", "count ticks"],
  ["setTimeout", "count ticks"],
  ["setInterval", "count ticks"],
  ["setImmediate", "return the work to do"],
  ["queueMicrotask", "return the work to do"],
  ["process", "take options as arguments"],
  ["Buffer", "use Uint8Array"],
  ["crypto", "take randomness as an argument"],
  ["fetch", "return the work to do"],
  ["console", "return what is worth telling"],
]);

/** Members that pure code must not use, though their objects are fine. */
const impureMembers: ReadonlyMap<string, string> = new Map([
  ["Date.now", "count ticks, or take the time as an argument"],
  ["Math.random", "take a seeded generator as an argument"],
]);

/** Names that say nothing about what is inside. */
const emptyNames = /^(?:utils?|helpers?|common|misc|shared)$/;

const testFunctions = new Set(["it", "test", "describe", "suite", "bench"]);
const testModifiers: ReadonlyMap<string, string> = new Map([
  ["only", "run one test with `npx vitest run -t NAME`"],
  ["skip", "delete the test or make it pass"],
  ["todo", "write the test"],
]);

/** The shortest reason that can be one, in characters. */
const reasonLengthMin = 10;

/** Everything in a file that the house bans; each message says what to do instead. */
export function banViolations(file: SourceFile): Violation[] {
  const tokens = tokenize(file.source);
  const code = tokens.filter((token) => token.kind !== "comment");
  return [
    ...nameProblems(file.path),
    ...tokens.filter(({ kind }) => kind === "comment").flatMap(commentProblems),
    ...code.flatMap((token, at) => codeProblems(code, token, at)),
    ...(isPure(file.path) ? code.flatMap((token, at) => purityProblems(code, token, at)) : []),
  ].map((problem) => ({ path: file.path, ...problem }));
}

type Problem = Omit<Violation, "path">;

function nameProblems(path: string): Problem[] {
  const parts = path.split("/").map((part) => part.split(".", 1)[0] ?? "");
  const empty = parts.find((part) => emptyNames.test(part));
  if (empty === undefined) return [];
  return [{ line: 0, message: `is named "${empty}": name it after what is inside` }];
}

function commentProblems({ text, line }: Token): Problem[] {
  if (/@ts-(?:ignore|nocheck)/.test(text)) {
    return [{ line, message: "silences the compiler: fix the type, or narrow with a check" }];
  }
  const ignore = /biome-ignore(?:-all|-start|-end)?\s+\S+?(?::\s*([\s\S]*))?$/.exec(
    text.replace(/\*\/$/, "").trim(),
  );
  if (ignore === null || (ignore[1] ?? "").trim().length >= reasonLengthMin) return [];
  return [
    { line, message: "ignores the linter without a reason: fix it, or write `biome-ignore RULE: why`" },
  ];
}

function codeProblems(code: readonly Token[], { kind, text, line }: Token, at: number): Problem[] {
  if (kind !== "word") return [];
  const before = code[at - 1]?.text;
  const after = code[at + 1]?.text;
  // `Promise.any(…)` and a property of that name are no types.
  if (text === "any" && before !== "." && after !== ":" && after !== "(") {
    return [{ line, message: "uses the type any: use unknown and narrow it, or a generic" }];
  }
  const instead = testModifiers.get(text);
  if (instead !== undefined && before === "." && testFunctions.has(code[at - 2]?.text ?? "")) {
    return [{ line, message: `uses ${code[at - 2]?.text}.${text}: ${instead}` }];
  }
  return [];
}

function purityProblems(code: readonly Token[], { kind, text, line }: Token, at: number): Problem[] {
  if (kind !== "word" || code[at - 1]?.text === ".") return [];
  const member = `${text}.${code[at + 2]?.text}`;
  const forMember = code[at + 1]?.text === "." ? impureMembers.get(member) : undefined;
  if (forMember !== undefined) return [{ line, message: `uses ${member}: pure code must not; ${forMember}` }];
  if (text === "Date" && code[at - 1]?.text === "new") {
    return [{ line, message: "uses new Date: pure code must not; take the time as an argument" }];
  }
  // A property or method of that name is no global.
  const declared = code[at + 1]?.text === ":" || code[at + 1]?.text === "?";
  const forName = declared ? undefined : impureNames.get(text);
  return forName === undefined ? [] : [{ line, message: `uses ${text}: pure code must not; ${forName}` }];
}
