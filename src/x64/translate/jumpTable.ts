/**
 * Jump tables of 32-bit offsets, as clang and MSVC write them for switch statements: bound, load, add, jump. Implements
 * nothing documented: these are the forms that the compilers are seen to make.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction, MemoryOperand } from '../instruction.ts';

/** Reads a 32-bit number of memory that cannot change; null where it could. */
export type ReadTable = (address: Address) => number | null;

export interface JumpTable {
  /** The instruction that loads the entry. */
  readonly load: Address;
  /** Register that holds the number of the case when `load` begins. */
  readonly index: number;
  readonly targets: readonly Address[];
  /** Where the entries lie. */
  readonly start: Address;
}

/** Conditions of jcc: above, not below, below or equal, below. */
const ABOVE = 7;
const NOT_BELOW = 3;
const MAXIMUM_ENTRIES = 512;

function registerOf(instruction: Instruction, operand: number): number {
  const found = instruction.operands[operand];
  return found !== undefined && found.kind === 'general' && !found.high ? found.register : -1;
}

/** The constant that a register was given by `lea register, [rip+x]`, searching backwards. */
function addressIn(register: number, run: readonly Instruction[], from: number): Address | null {
  for (let index = from - 1; index >= 0; index--) {
    const instruction = run[index];
    if (registerOf(instruction, 0) !== register) continue;
    const source = instruction.operands[1];
    const known = instruction.operation === 'lea' && source !== undefined && source.kind === 'memory';
    if (known) return source.ripRelative ? source.displacement : null;
    if (instruction.operation !== 'cmp' && instruction.operation !== 'test') return null;
  }
  return null;
}

/** Number of cases: the last `cmp register, n` and `ja` before the table, in the run or in the code before it. */
function boundBefore(
  start: Address,
  found: ReadonlyMap<Address, Instruction | null>,
  run: readonly Instruction[],
): number {
  const before = [...found.values()].filter((each): each is Instruction => each !== null);
  const inRun = new Set(run);
  const candidates = [...before.filter((each) => !inRun.has(each)), ...run];
  for (let index = candidates.length - 1; index > 0; index--) {
    const branch = candidates[index];
    const next = branch.address + branch.length;
    const target = branch.operands[0];
    if (branch.operation !== 'jcc' || target === undefined || target.kind !== 'target') continue;
    if (next !== start && target.address !== start) continue;
    const compare = candidates.find((each) => each.address + each.length === branch.address);
    const limit = compare?.operands[1];
    if (compare?.operation !== 'cmp' || limit === undefined || limit.kind !== 'immediate') continue;
    if (next === start && branch.condition === ABOVE) return limit.low + 1;
    if (next === start && branch.condition === NOT_BELOW) return limit.low;
    if (target.address === start && branch.condition === (ABOVE ^ 1)) return limit.low + 1;
    if (target.address === start && branch.condition === (NOT_BELOW ^ 1)) return limit.low;
  }
  return 0;
}

/** The table behind the jump that ends `run`; null where none is recognised. */
export function findJumpTable(
  run: readonly Instruction[],
  found: ReadonlyMap<Address, Instruction | null>,
  read: ReadTable,
): JumpTable | null {
  const jump = run.length - 1;
  const target = registerOf(run[jump], 0);
  let add = jump - 1;
  while (add >= 0 && registerOf(run[add], 0) !== target) add--;
  if (add < 0 || run[add].operation !== 'add') return null;
  const base = registerOf(run[add], 1);
  if (base < 0) return null;
  let load = add - 1;
  while (load >= 0 && registerOf(run[load], 0) !== target && registerOf(run[load], 0) !== base) load--;
  if (load < 0) return null;
  const entry = run[load].operands[1];
  const signed = run[load].operation === 'movsxd';
  if (entry === undefined || entry.kind !== 'memory' || entry.scale !== 4 || entry.index < 0) return null;
  if (!signed && !(run[load].operation === 'mov' && run[load].size === 4)) return null;
  const origin = addressIn(base === registerOf(run[load], 0) ? target : base, run, load);
  return origin === null ? null : readTable(run, load, entry, origin, found, read);
}

function readTable(
  run: readonly Instruction[],
  load: number,
  entry: MemoryOperand,
  origin: Address,
  found: ReadonlyMap<Address, Instruction | null>,
  read: ReadTable,
): JumpTable | null {
  const count = boundBefore(run[0].address, found, run);
  if (count <= 0 || count > MAXIMUM_ENTRIES) return null;
  const start = (origin + entry.displacement) >>> 0;
  const targets: Address[] = [];
  for (let index = 0; index < count; index++) {
    const offset = read(start + index * 4);
    if (offset === null) return null;
    targets.push((origin + offset) >>> 0);
  }
  return { load: run[load].address, index: entry.index, targets, start };
}
