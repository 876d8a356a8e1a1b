/**
 * A key of the flat store: bytes, held as a string of one code unit (0 to 255) a byte, so that string order is byte
 * order and a Map can hold it. An ASCII path is its own key.
 */
export type Key = string;
