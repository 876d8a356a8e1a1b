/** In place of the package's version, which is read from a file. */
export const VERSION = "0.0.0-simulation";
