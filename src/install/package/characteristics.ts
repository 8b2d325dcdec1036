/**
 * Characteristics of network components, and the interfaces that INF files name.
 * Implements "DDInstall Section in a Network INF File" and "Specifying Binding Interfaces" (network).
 */

import { FILTER_CLASSES } from '../../ndis/index.ts';
import type { ClassName } from './version.ts';

export const NCF_VIRTUAL = 0x1;
export const NCF_SOFTWARE_ENUMERATED = 0x2;
export const NCF_PHYSICAL = 0x4;
export const NCF_NO_SERVICE = 0x10;
export const NCF_NOT_USER_REMOVABLE = 0x20;
const NCF_FILTER = 0x400;
export const NCF_LW_FILTER = 0x4_0000;

const NAMES: readonly (readonly [flag: number, name: string])[] = [
  [NCF_VIRTUAL, 'NCF_VIRTUAL'],
  [NCF_SOFTWARE_ENUMERATED, 'NCF_SOFTWARE_ENUMERATED'],
  [NCF_PHYSICAL, 'NCF_PHYSICAL'],
  [0x8, 'NCF_HIDDEN'],
  [NCF_NO_SERVICE, 'NCF_NO_SERVICE'],
  [NCF_NOT_USER_REMOVABLE, 'NCF_NOT_USER_REMOVABLE'],
  [0x40, 'NCF_MULTIPORT_INSTANCED_ADAPTER'],
  [0x80, 'NCF_HAS_UI'],
  [0x100, 'NCF_SINGLE_INSTANCE'],
  [NCF_FILTER, 'NCF_FILTER'],
  [0x1000, 'NCF_DONTEXPOSELOWER'],
  [0x2000, 'NCF_HIDE_BINDING'],
  [0x4000, 'NCF_NDIS_PROTOCOL'],
  [0x2_0000, 'NCF_FIXED_BINDING'],
  [NCF_LW_FILTER, 'NCF_LW_FILTER'],
];

/** `NCF_VIRTUAL NCF_HAS_UI`; flags without a name as a number. */
export function characteristicsText(flags: number): string {
  const named = NAMES.filter(([flag]) => (flags & flag) !== 0);
  const rest = (flags & ~named.reduce((sum, [flag]) => sum | flag, 0)) >>> 0;
  const texts = named.map(([, name]) => name);
  if (rest !== 0) texts.push(`0x${rest.toString(16)}`);
  return texts.join(' ') || '0';
}

/** What is wrong with the characteristics of a component, or null. */
export function characteristicsFault(flags: number, className: ClassName): string | null {
  const kinds = [NCF_VIRTUAL, NCF_SOFTWARE_ENUMERATED, NCF_PHYSICAL].filter((flag) => (flags & flag) !== 0);
  if (kinds.length > 1)
    return 'NCF_VIRTUAL (1), NCF_SOFTWARE_ENUMERATED (2) and NCF_PHYSICAL (4) exclude each other';
  if (kinds.length > 0 && (flags & NCF_NO_SERVICE) !== 0)
    return 'an adapter always has a service; leave NCF_NO_SERVICE (0x10) out';
  if (className === 'Net' && kinds.length === 0)
    return 'an adapter is one of NCF_VIRTUAL (1), NCF_SOFTWARE_ENUMERATED (2) and NCF_PHYSICAL (4)';
  if (className !== 'Net' && kinds.length > 0) return 'only adapters (Class = Net) are virtual or physical';
  if ((flags & NCF_LW_FILTER) !== 0 && className !== 'NetService')
    return 'a filter driver (NCF_LW_FILTER) has Class = NetService';
  if ((flags & NCF_LW_FILTER) !== 0 && (flags & NCF_FILTER) !== 0)
    return 'NCF_FILTER (0x400) is for filter intermediate drivers; a filter driver sets NCF_LW_FILTER (0x40000) alone';
  return null;
}

/** Interfaces that Microsoft names; others are a vendor's own. */
export const KNOWN_INTERFACES: ReadonlySet<string> = new Set([
  'netbios',
  'ipx',
  'tdi',
  'ndis4',
  'ndis5',
  'ndisatm',
  'ndiswan',
  'ndiscowan',
  'noupper',
  'winsock',
  'ndis5_atalk',
  'ndis5_dlc',
  'ndis5_ip',
  'ndis5_ipx',
  'ndis5_nbf',
  'ndis5_streams',
  'flpp4',
  'flpp6',
  'ethernet',
  'atm',
  'tokenring',
  'serial',
  'fddi',
  'baseband',
  'broadband',
  'bluetooth',
  'arcnet',
  'isdn',
  'localtalk',
  'wan',
  'nolower',
  'wlan',
  'ppip',
  'vwifi',
]);

/** The interfaces of an UpperRange, a LowerRange or FilterMediaTypes, in small letters. */
export function interfaceList(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  return [...new Set(names)];
}

/** How far from the top of a stack a filter class lies; null for none of the documented ones. */
export function filterClassRank(name: string): number | null {
  const index = FILTER_CLASSES.findIndex((known) => known === name.trim().toLowerCase());
  return index < 0 ? null : index;
}
