/** A piece of TypeScript source. Enough to find imports and banned words; not a parser. */
export interface Token {
  readonly kind: "word" | "string" | "comment" | "punctuation";
  /** The word or character itself; the content of a string or comment. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** After these words a slash starts a regular expression, though they are words. */
const wordsBeforeExpression = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "throw",
  "await",
  "yield",
]);

/** Splits TypeScript source into tokens. The code inside template literals is split as well. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** For every open `${`, how many braces are open inside it. */
  const templates: number[] = [];
  let at = 0;
  let line = 1;

  const take = (length: number): string => {
    const text = source.slice(at, at + length);
    at += length;
    line += text.split("\n").length - 1;
    return text;
  };
  const push = (kind: Token["kind"], text: string, startLine: number): void => {
    tokens.push({ kind, text, line: startLine });
  };
  const templatePart = (): void => {
    const startLine = line;
    const part = /^(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/.exec(source.slice(at))?.[0] ?? "";
    push("string", take(part.length), startLine);
    if (source.startsWith("${", at)) templates.push(0);
    take(source.startsWith("${", at) ? 2 : 1);
  };

  while (at < source.length) {
    const rest = source.slice(at, at + 20_000);
    const startLine = line;
    const space = /^\s+/.exec(rest);
    if (space !== null) {
      take(space[0].length);
      continue;
    }
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/|#![^\n]*)/.exec(rest);
    if (comment !== null) {
      push("comment", take(comment[0].length), startLine);
      continue;
    }
    const quoted = /^(?:"((?:[^"\\\n]|\\[\s\S])*)"|'((?:[^'\\\n]|\\[\s\S])*)')/.exec(rest);
    if (quoted !== null) {
      take(quoted[0].length);
      push("string", quoted[1] ?? quoted[2] ?? "", startLine);
      continue;
    }
    if (rest.startsWith("`")) {
      take(1);
      templatePart();
      continue;
    }
    const word = /^[\p{ID_Start}$_#@][\p{ID_Continue}$]*|^\d[\w.]*/u.exec(rest);
    if (word !== null) {
      push("word", take(word[0].length), startLine);
      continue;
    }
    const regex = /^\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/.exec(rest);
    if (regex !== null && expressionMayStart(tokens)) {
      push("string", take(regex[0].length), startLine);
      continue;
    }
    const character = take(1);
    const open = templates.at(-1);
    if (character === "}" && open === 0) {
      templates.pop();
      templatePart();
      continue;
    }
    if (open !== undefined && character === "{") templates[templates.length - 1] = open + 1;
    if (open !== undefined && character === "}") templates[templates.length - 1] = open - 1;
    push("punctuation", character, startLine);
  }
  return tokens;
}

function expressionMayStart(tokens: readonly Token[]): boolean {
  const before = tokens.findLast((token) => token.kind !== "comment");
  if (before === undefined) return true;
  switch (before.kind) {
    case "word":
      return wordsBeforeExpression.has(before.text);
    case "string":
      return false;
    default:
      return before.text !== ")" && before.text !== "]" && before.text !== "}";
  }
}
