import { currentProcess } from "../world/world.js";

// In place of node:crypto: chance comes from the seed, hashes are the real ones.
export { createHash, type Hash } from "node:crypto";

export function randomBytes(size: number): Buffer {
  const { random } = currentProcess();
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = random.integer(0, 255);
  return bytes;
}

export function randomUUID(): string {
  const hex = randomBytes(16).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function randomInt(low: number, high?: number): number {
  const { random } = currentProcess();
  return high === undefined ? random.integer(0, low - 1) : random.integer(low, high - 1);
}
