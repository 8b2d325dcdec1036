/**
 * The parameter `Rewrite` of vlan: pairs of VLAN ids with commas between, `10:20,30:40`; left the id above the filter,
 * right the one on the wire, each a decimal number from 1 to 4094, with blanks around it or not. No id stands twice on
 * one side, and there are at most 16 pairs. See IEEE 802.1Q, clause 9.6, for the range of ids.
 */

const PAIR_LIMIT = 16;
const HIGHEST_ID = 4094;
const IDS = 4096;

/** For each VLAN id the one that takes its place; 0 where it stays. */
export interface RewriteIds {
  /** Of what is sent. */
  readonly down: Uint16Array;
  /** Of what is received. */
  readonly up: Uint16Array;
}

/** The pairs of a text that is not blank; null where it breaks a rule above. */
export function parseRewrite(text: string): RewriteIds | null {
  const ids = { down: new Uint16Array(IDS), up: new Uint16Array(IDS) };
  const pairs = text.split(',');
  if (pairs.length > PAIR_LIMIT) return null;
  for (const pair of pairs) {
    const match = /^ *(\d{1,9}) *: *(\d{1,9}) *$/.exec(pair);
    if (match === null) return null;
    const [above, wire] = [Number(match[1]), Number(match[2])];
    if (above < 1 || above > HIGHEST_ID || wire < 1 || wire > HIGHEST_ID) return null;
    if (ids.down[above] !== 0 || ids.up[wire] !== 0) return null;
    ids.down[above] = wire;
    ids.up[wire] = above;
  }
  return ids;
}
