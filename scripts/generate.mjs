// Regenerates proto/src/gen from proto/quorate. The versions of buf and protoc-gen-es are those of package-lock.json.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bin = join(root, "node_modules", ".bin");
rmSync(join(root, "proto/src/gen"), { recursive: true, force: true });
for (const args of [["lint"], ["generate"]]) {
  const { status } = spawnSync(join(bin, "buf"), args, {
    cwd: join(root, "proto"),
    stdio: "inherit",
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  if (status !== 0) process.exit(status ?? 1);
}
