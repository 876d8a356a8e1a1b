/** An id as people meet it everywhere, in logs, errors and `quorate member list` alike: 16 hexadecimal digits. */
export function idText(id: number): string {
  return id.toString(16).padStart(16, "0");
}
