/** Machine code as text. */

/** The bytes of pairs of hexadecimal digits. */
export function bytesOf(text: string): number[] {
  return (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}
