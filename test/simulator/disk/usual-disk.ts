import { type DiskFaults, noFaults } from "./disk-faults.js";

/** A disk that works, and takes up to so many milliseconds for a sync. */
export function usualDisk({ syncMs }: { readonly syncMs: number }): DiskFaults {
  return { ...noFaults, slow: 1, slowMsMax: syncMs };
}
