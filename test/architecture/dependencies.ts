import { builtinModules } from "node:module";
import { importsOf } from "./imports.js";
import { isTestFile, type SourceFile, type Violation } from "./source-file.js";
import { tokenize } from "./tokens.js";

/** The packages a workspace declares, by folder. The key "" stands for the development tools of the root. */
export type DeclaredPackages = ReadonlyMap<string, ReadonlySet<string>>;

/** Every import of a package that the file's workspace does not declare, and so gets by accident only. */
export function dependencyViolations(file: SourceFile, declared: DeclaredPackages): Violation[] {
  const workspace = file.path.split("/", 1)[0] ?? "";
  const own = declared.get(workspace);
  // The `test` folder is no package: it uses the workspaces it tests, and what they declare.
  const known =
    own ??
    new Set([
      ...[...declared.keys()].map((name) => `@quorate/${name}`),
      ...[...declared.values()].flatMap((names) => [...names]),
    ]);
  const tools = isTestFile(file.path) || own === undefined ? declared.get("") : undefined;
  return importsOf(tokenize(file.source)).flatMap(({ specifier, line }) => {
    const name = packageName(specifier);
    if (name === undefined || known.has(name) || tools?.has(name)) return [];
    return [
      { path: file.path, line, message: `imports "${name}": declare it in ${workspace}/package.json first` },
    ];
  });
}

/** The package of a specifier; undefined for relative paths and what Node brings along. */
function packageName(specifier: string): string | undefined {
  if (specifier.startsWith(".") || specifier.startsWith("node:") || builtinModules.includes(specifier))
    return undefined;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
