/**
 * Finds the encoding of an instruction by its opcode. Implements the opcode maps of the Intel 64 manual, volume 2,
 * appendix A: map and mandatory prefix and opcode select a cell; a cell is one form, or a group that ModRM decides.
 */

import {
  type Form,
  type MandatoryPrefix,
  OPERAND_RM_MEMORY,
  OPERAND_RM_REGISTER,
  OPERAND_XMM_RM_REGISTER,
} from './operation.ts';

/** Index of a cell: map * 1024 + prefix * 256 + opcode. */
const CELLS = 8 * 1024;
/** Entries of a group: 8 for memory by the reg field, 64 for registers by reg and rm fields. */
const GROUP_SIZE = 72;
const REGISTER_ENTRIES = 8;

/** Numbers of mandatory prefixes in a cell's index. */
export const PREFIX_NONE = 0;
export const PREFIX_66 = 1;
export const PREFIX_F3 = 2;
export const PREFIX_F2 = 3;
const PREFIX_NUMBERS: Readonly<Record<Exclude<MandatoryPrefix, 'any'>, number>> = {
  none: PREFIX_NONE,
  '66': PREFIX_66,
  f3: PREFIX_F3,
  f2: PREFIX_F2,
};

export interface Dispatch {
  /** Per cell: 0 nothing, n > 0 form n - 1, n < 0 group -n - 1. */
  readonly cells: Int16Array;
  /** GROUP_SIZE entries per group: number of a form plus one, 0 nothing. */
  readonly groups: Int16Array;
}

/** Which entries of a group a form takes. */
function takes(form: Form, entry: number): boolean {
  const memory = entry < REGISTER_ENTRIES;
  const reg = memory ? entry : (entry - REGISTER_ENTRIES) >> 3;
  if (form.extension >= 0 && form.extension !== reg) return false;
  if (form.fixedModrm >= 0) return !memory && (form.fixedModrm & 0x3f) === entry - REGISTER_ENTRIES;
  if (form.registerOnly) return !memory;
  for (const { kind } of form.operands) {
    if (kind === OPERAND_RM_MEMORY) return memory;
    if (kind === OPERAND_RM_REGISTER || kind === OPERAND_XMM_RM_REGISTER) {
      // The mod field of moves to and from control registers is ignored.
      return !memory || form.operation.ignoresMod;
    }
  }
  return true;
}

/** Whether ModRM does not matter; so it is of most forms. */
function takesAll(form: Form): boolean {
  if (form.extension >= 0 || form.fixedModrm >= 0 || form.registerOnly) return false;
  return !form.operands.some(
    ({ kind }) =>
      kind === OPERAND_RM_MEMORY || kind === OPERAND_RM_REGISTER || kind === OPERAND_XMM_RM_REGISTER,
  );
}

/** Forms that say more about opcode, prefix or ModRM come first. */
function precision(form: Form): number {
  return (
    (form.opcodeMask === 0 ? 8 : 0) +
    (form.prefix === 'any' ? 0 : 4) +
    (form.fixedModrm >= 0 ? 2 : form.extension >= 0 ? 1 : 0)
  );
}

export function buildDispatch(forms: readonly Form[]): Dispatch {
  const lists = new Map<number, Form[]>();
  for (const form of forms) {
    for (let low = 0; low <= form.opcodeMask; low++) {
      for (let prefix = 0; prefix < 4; prefix++) {
        if (form.prefix !== 'any' && PREFIX_NUMBERS[form.prefix] !== prefix) continue;
        const cell = form.map * 1024 + prefix * 256 + form.opcode + low;
        const list = lists.get(cell);
        if (list === undefined) lists.set(cell, [form]);
        else list.push(form);
      }
    }
  }
  const cells = new Int16Array(CELLS);
  const groups: number[] = [];
  /** Lists come again under other prefixes: by the numbers of their forms, what stands for them in a cell. */
  const known = new Map<string, number>();
  for (const [cell, list] of lists) {
    const key = list.map((form) => form.number).join();
    let value = known.get(key);
    if (value === undefined) {
      value = cellOf(list, groups);
      known.set(key, value);
    }
    cells[cell] = value;
  }
  return { cells, groups: Int16Array.from(groups) };
}

/** What stands in a cell for forms that share it; a group is appended where ModRM decides. */
function cellOf(list: Form[], groups: number[]): number {
  list.sort((a, b) => precision(b) - precision(a));
  const first = list[0];
  if (!first.modrm || (list.length === 1 && takesAll(first))) return first.number + 1;
  const start = groups.length;
  let alone = true;
  for (let entry = 0; entry < GROUP_SIZE; entry++) {
    const form = list.find((each) => takes(each, entry));
    alone &&= form === first;
    groups.push(form === undefined ? 0 : form.number + 1);
  }
  if (!alone) return -(start / GROUP_SIZE) - 1;
  groups.length = start;
  return first.number + 1;
}

/** Number of a form plus one, 0 for nothing. @param group as found in a cell: below 0. */
export function formInGroup(groups: Int16Array, group: number, modrm: number): number {
  const base = (-group - 1) * GROUP_SIZE;
  return groups[base + (modrm < 0xc0 ? (modrm >> 3) & 7 : REGISTER_ENTRIES + (modrm & 0x3f))];
}
