// Makes a clean clone ready to run: checks Node, installs the dependencies when package-lock.json changed, compiles.
// Plain JavaScript without dependencies, because it runs before there are any.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The oldest Node that has everything used here; the same as "engines" in package.json. */
const nodeMinimum = [20, 19];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const stamp = join(modules, ".quorate-lock-sha256");
const windows = process.platform === "win32";

checkNode();
const lock = readFileSync(join(root, "package-lock.json"));
if (!installed(lock)) install(lock);
checkSqlite();
compile();

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [needMajor = 0, needMinor = 0] = nodeMinimum;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  fail(`Quorate needs Node ${nodeMinimum.join(".")} or newer; this is Node ${process.versions.node}.`);
}

/** Whether node_modules holds what `lock` asks for: by our own stamp, or else by what npm says it installed. */
function installed(lock) {
  if (existsSync(stamp)) return readFileSync(stamp, "utf8") === sha256(lock);
  const record = join(modules, ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(lock.toString("utf8")).packages;
  const present = JSON.parse(readFileSync(record, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    // The root and the workspaces are not installed, and optional packages are those of other platforms.
    if (!path.startsWith("node_modules/") || entry.optional || entry.link) continue;
    if (present[path]?.version !== entry.version) return false;
  }
  writeFileSync(stamp, sha256(lock));
  return true;
}

function install(lock) {
  say("installing dependencies (npm ci); the first time this takes a minute…");
  if (!run("npm", ["ci", "--no-audit", "--no-fund"])) {
    fail(`npm ci failed; its own message is above.${toolchainHint()}`);
  }
  writeFileSync(stamp, sha256(lock));
}

/** better-sqlite3 is native code: loading it here turns an obscure stack trace later into advice now. */
function checkSqlite() {
  const require = createRequire(import.meta.url);
  try {
    const Database = require("better-sqlite3");
    new Database(":memory:").close();
  } catch (error) {
    const message = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    say(`better-sqlite3 does not load (${message}); building it again…`);
    // A new process, since a native module that failed to load stays failed in this one.
    const probe = ["-e", 'new (require("better-sqlite3"))(":memory:").close()'];
    if (run("npm", ["rebuild", "better-sqlite3"]) && run(process.execPath, probe)) return;
    fail(`better-sqlite3 could not be built for Node ${process.versions.node}.${toolchainHint()}`);
  }
}

function compile() {
  const fresh = existsSync(join(root, "cli", "dist", "main.js"));
  if (!fresh) say("compiling (tsc -b)…");
  if (!run(process.execPath, [join(modules, "typescript", "bin", "tsc"), "-b"])) {
    fail("tsc -b failed; its errors are above.");
  }
  if (!windows) linkCommands();
}

/** npm links only commands that exist when it installs; ours exist once compiled. `npx quorate` needs the link. */
function linkCommands() {
  for (const workspace of ["cli", "server", "jepsen-style"]) {
    const { bin = {} } = JSON.parse(readFileSync(join(root, workspace, "package.json"), "utf8"));
    for (const [name, file] of Object.entries(bin)) {
      const target = join(root, workspace, file);
      if (!existsSync(target)) continue;
      chmodSync(target, 0o755);
      const link = join(modules, ".bin", name);
      if (!existsSync(link)) symlinkSync(relative(dirname(link), target), link);
    }
  }
}

/** Advice when the tools that compile better-sqlite3 are missing; empty when they are all there. */
function toolchainHint() {
  const groups = [
    { name: "a C++ compiler", commands: ["c++", "g++", "clang++"] },
    { name: "make", commands: ["make", "gmake"] },
    { name: "Python 3", commands: ["python3", "python"] },
  ];
  if (windows) {
    return "\nIt needs Visual Studio's C++ build tools and Python 3 where no ready-made binary can be downloaded.";
  }
  const missing = groups
    .filter(
      ({ commands }) => !commands.some((c) => spawnSync(c, ["--version"], { stdio: "ignore" }).status === 0),
    )
    .map(({ name }) => name);
  if (missing.length === 0) return "";
  return [
    "",
    `better-sqlite3 is compiled from source, and this machine lacks: ${missing.join(", ")}.`,
    "  Debian, Ubuntu:  apt-get install -y g++ make python3",
    "  Fedora:          dnf install -y gcc-c++ make python3",
    "  Alpine:          apk add g++ make python3",
    "  macOS:           xcode-select --install",
    "Then run the same command again.",
  ].join("\n");
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: windows && command === "npm",
  });
  if (error) say(`${command}: ${error.message}`);
  return status === 0;
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function say(message) {
  process.stderr.write(`prepare: ${message}\n`);
}

function fail(message) {
  say(message);
  process.exit(1);
}
