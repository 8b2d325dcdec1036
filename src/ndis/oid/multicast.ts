/**
 * Lists of multicast addresses, six bytes each, and how often a binding added each of them.
 * Implements oid-802-3-add-multicast-address and oid-802-3-delete-multicast-address (network).
 */

const ADDRESS_SIZE = 6;

/** Where `address` stands in `list`, in bytes; -1 where it does not. */
export function indexOfAddress(list: Uint8Array, address: Uint8Array): number {
  for (let at = 0; at < list.length; at += ADDRESS_SIZE) {
    let same = true;
    for (let i = 0; i < ADDRESS_SIZE && same; i++) same = list[at + i] === address[i];
    if (same) return at;
  }
  return -1;
}

/** All addresses of the lists, each once, in the order in which they come first. */
export function unionOfAddresses(lists: readonly Uint8Array[]): Uint8Array {
  const union = new Uint8Array(lists.reduce((sum, list) => sum + list.length, 0));
  const seen = new Set<string>();
  let length = 0;
  for (const list of lists) {
    for (let at = 0; at < list.length; at += ADDRESS_SIZE) {
      const address = list.subarray(at, at + ADDRESS_SIZE);
      const key = address.join();
      if (seen.has(key)) continue;
      seen.add(key);
      union.set(address, length);
      length += ADDRESS_SIZE;
    }
  }
  return union.slice(0, length);
}

/** Additions of an address beyond the first, by address. An address leaves the list when it was deleted as often. */
export type MulticastRepeats = Map<string, number>;

/** How often `address` was added beyond the first time. */
export function repeatsOf(repeats: MulticastRepeats, address: Uint8Array): number {
  return repeats.get(address.join()) ?? 0;
}

/** Changes how often `address` was added beyond the first time. */
export function changeRepeats(repeats: MulticastRepeats, address: Uint8Array, by: 1 | -1): void {
  const count = repeatsOf(repeats, address) + by;
  if (count > 0) repeats.set(address.join(), count);
  else repeats.delete(address.join());
}
