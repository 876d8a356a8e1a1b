/** A pause that can be cut short, one at a time. */
export class InterruptiblePause {
  #wake: (() => void) | undefined;

  /** Resolves after `ms`, or at the next `wake`. */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the pause under way, if there is one. */
  wake(): void {
    this.#wake?.();
  }
}
