/** The facts that headers are made of, NDIS 5 left out. */

import { type DdiEntry, ddiEntries } from '../coverage/facts.ts';
import {
  constants as allConstants,
  layouts as allLayouts,
  type ConstantFact,
  type Layout,
  type MemberFact,
} from '../tables/facts.ts';

export type { ConstantFact, DdiEntry, Layout };

/**
 * Structures whose members all exist since the structure does, though the facts date some of them later: drivers for
 * that version use them.
 */
const WHOLE_FROM_THE_START: ReadonlySet<string> = new Set(['NDIS_NET_BUFFER_LIST_FILTERING_INFO']);

/** NDIS 5.x is not in these headers: its structures come from the older headers alone. */
export const layouts: readonly Layout[] = allLayouts
  .filter((layout) => !(layout.from === 'mingw' && layout.header === 'ndis.h'))
  .map(withNewer)
  .map(withEarlier);

/** Members that only the newest headers have stand apart in the facts; they are flags. */
function withNewer(layout: Layout): Layout {
  const { newer } = layout as Layout & { readonly newer?: readonly Omit<MemberFact, 'type'>[] };
  if (newer === undefined) return layout;
  return {
    ...layout,
    members: [...layout.members, ...newer.map((member) => ({ ...member, type: 'ULONG' }))],
  };
}

function withoutVersion(member: MemberFact): MemberFact {
  const { since, ...rest } = member;
  return since === undefined ? member : rest;
}

function withEarlier(layout: Layout): Layout {
  if (!WHOLE_FROM_THE_START.has(layout.name)) return layout;
  return { ...layout, members: layout.members.map(withoutVersion) };
}

const LEGACY_GROUPS = new Set([
  'NDIS_GUID',
  'NDIS_WORK_ITEM_TYPE',
  'NDIS_PNP_DEVICE_STATE',
  'NUMBER_OF',
  'NDIS_PER_PACKET_INFO',
]);

export const constants: readonly ConstantFact[] = allConstants.filter(
  (constant) => !LEGACY_GROUPS.has(constant.group),
);

export function readEntries(): readonly DdiEntry[] {
  return ddiEntries.filter((entry) => entry.group !== 'legacy-5x');
}
