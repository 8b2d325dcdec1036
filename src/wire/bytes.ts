/** Moving bytes between two memories, and MAC addresses as text. */

/** Below this a loop beats making a view for the engine's copy. */
const LOOP_COPY_LIMIT = 96;

/** Copies `length` bytes from one memory to another. */
export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): void {
  if (length < LOOP_COPY_LIMIT) {
    for (let index = 0; index < length; index++) to[toOffset + index] = from[fromOffset + index];
  } else {
    to.set(from.subarray(fromOffset, fromOffset + length), toOffset);
  }
}

/** Reads `02:00:00:00:00:01` (or with dashes); undefined if the text is not a MAC address. */
export function parseMacAddress(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** Writes a MAC address as `02:00:00:00:00:01`. */
export function formatMacAddress(address: Uint8Array): string {
  return Array.from(address.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
