/** Listens to single keys on a terminal until closed; does nothing where stdin is none. */
export interface Keys {
  close(): void;
}

/** What pressing a key does. Ctrl-C counts as `q`, since a raw terminal sends no signal for it. */
export interface KeyActions {
  readonly quit: () => void;
  readonly restart: () => void;
}

/** Starts to listen. */
export function listenForKeys(actions: KeyActions): Keys {
  const { stdin } = process;
  if (stdin.isTTY !== true) return { close: () => {} };
  const listener = (data: Buffer): void => {
    for (const key of data.toString("utf8")) {
      if (key === "q" || key === "\u0003") actions.quit();
      else if (key === "r") actions.restart();
    }
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", listener);
  return {
    close() {
      stdin.off("data", listener);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
