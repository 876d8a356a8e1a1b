/** What the guardian of a command tells the process that started it. */
export type GuardianMessage =
  | { readonly kind: "started"; readonly pid: number }
  /** It could not be started; `code` is that of the operating system, such as ENOENT. */
  | { readonly kind: "failed"; readonly code: string; readonly reason: string }
  | { readonly kind: "ended"; readonly code: number | null; readonly signal: NodeJS.Signals | null };
