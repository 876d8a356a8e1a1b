import type { Token } from "./tokens.js";

/** One import, of any kind. */
export interface Import {
  /** What is imported, as written. */
  readonly specifier: string;
  /** `resolve` is `import.meta.resolve(…)`, `dynamic` is `import(…)` of a value, `static` everything else. */
  readonly kind: "static" | "dynamic" | "resolve";
  /** From 1. */
  readonly line: number;
}

/** All imports of a source: import and export declarations, import types, `import()`, `require()`, `import.meta.resolve()`. */
export function importsOf(all: readonly Token[]): Import[] {
  const tokens = all.filter((token) => token.kind !== "comment");
  return tokens.flatMap((token, at): Import[] => {
    if (token.kind !== "string") return [];
    const before = (distance: number): string => {
      const other = tokens[at - distance];
      return other === undefined || other.kind === "string" ? "" : other.text;
    };
    const found = (kind: Import["kind"]): Import[] => [{ specifier: token.text, kind, line: token.line }];
    if (before(1) === "from" && isDeclaration(tokens, at)) return found("static");
    if (before(1) === "import") return found("static");
    if (before(1) !== "(") return [];
    if (before(2) === "import") return found("dynamic");
    if (before(2) === "require") return found("static");
    if (before(2) === "resolve" && before(4) === "meta" && before(6) === "import") return found("resolve");
    return [];
  });
}

/** Whether the `from "…"` that ends at `at` belongs to an import or export, and is no call or variable of that name. */
function isDeclaration(tokens: readonly Token[], at: number): boolean {
  for (let k = at - 2; k >= 0; k -= 1) {
    const token = tokens[k];
    if (token === undefined || token.kind === "string" || token.text === ";" || token.text === "(")
      return false;
    if (token.text === "import" || token.text === "export") return true;
  }
  return false;
}
