/**
 * A guest function as basic blocks: found by following direct jumps from its entry. Calls do not end a block; what
 * cannot be followed leaves the translated code. Implements "Control Transfer Instructions" of the Intel 64 manual,
 * volume 1, section 7.3.8.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { OPERATIONS } from '../table/index.ts';
import { findJumpTable, type JumpTable, type ReadTable } from './jumpTable.ts';

/** Why a block ends. Numbers are indices of blocks, -1 for code outside of the unit. */
export type Terminator =
  /** Another block begins here, or the unit is full. */
  | { readonly kind: 'next'; readonly next: number; readonly address: Address }
  | { readonly kind: 'jump'; readonly next: number; readonly address: Address }
  | {
      readonly kind: 'branch';
      readonly taken: number;
      readonly takenAddress: Address;
      readonly next: number;
      readonly nextAddress: Address;
    }
  | { readonly kind: 'switch'; readonly table: JumpTable; readonly targets: readonly number[] }
  | { readonly kind: 'return' }
  /** An indirect jump: a tail call or an unknown table. */
  | { readonly kind: 'indirect' }
  /** The interpreter goes on with the instruction at `address`, which is not part of the block. */
  | { readonly kind: 'leave'; readonly address: Address };

export interface Block {
  readonly index: number;
  readonly start: Address;
  /** All of its instructions; a jump that ends it is the last. */
  readonly instructions: readonly Instruction[];
  readonly terminator: Terminator;
}

export interface Unit {
  readonly entry: Address;
  /** Entered at the head of a loop, by the interpreter only: its first instruction is not that of a function. */
  readonly isLoop: boolean;
  /** The first is the entry. */
  readonly blocks: readonly Block[];
  /** Direct call targets. */
  readonly callees: readonly Address[];
  readonly instructionCount: number;
  /** Jump tables in use: the unit is void when they change. */
  readonly tables: readonly JumpTable[];
}

/** Decodes the instruction at an address; null where nothing can be executed. */
export type Decode = (address: Address) => Instruction | null;

const MAXIMUM_INSTRUCTIONS = 4000;
const MAXIMUM_BLOCKS = 600;

/** What ends a straight run of instructions. */
function endsRun(instruction: Instruction): boolean {
  const { control } = OPERATIONS[instruction.operationNumber];
  return control !== 'none' && control !== 'call';
}

/** Instructions that the interpreter has to take: they end the unit before them. */
function mustLeave(instruction: Instruction): boolean {
  const { control, name } = OPERATIONS[instruction.operationNumber];
  if (control === 'interrupt' || control === 'halt') return true;
  return name === 'ret' ? instruction.operands.length > 0 : control === 'conditional' && name !== 'jcc';
}

function targetOf(instruction: Instruction): Address | null {
  const first = instruction.operands[0];
  return first !== undefined && first.kind === 'target' ? first.address : null;
}

class Discovery {
  readonly found = new Map<Address, Instruction | null>();
  readonly leaders = new Set<Address>();
  readonly tables = new Map<Address, JumpTable>();
  readonly callees = new Set<Address>();
  readonly #decode: Decode;
  readonly #read: ReadTable;
  #count = 0;

  constructor(decode: Decode, read: ReadTable) {
    this.#decode = decode;
    this.#read = read;
  }

  follow(entry: Address): void {
    const work: Address[] = [entry];
    this.leaders.add(entry);
    // Breadth first: when the unit becomes too large, what is far from the entry is left out.
    for (let next = 0; next < work.length; next++) {
      for (const target of this.#run(work[next])) {
        if (this.leaders.has(target)) continue;
        if (this.leaders.size >= MAXIMUM_BLOCKS) continue;
        this.leaders.add(target);
        work.push(target);
      }
    }
  }

  /** Decodes from an address to the end of the straight run. @returns where control goes then. */
  #run(start: Address): readonly Address[] {
    const run: Instruction[] = [];
    for (let address = start; ; ) {
      if (this.found.has(address)) return [];
      if (this.#count >= MAXIMUM_INSTRUCTIONS) return [];
      const instruction = this.#decode(address);
      if (instruction === null || mustLeave(instruction)) {
        this.found.set(address, null);
        return [];
      }
      this.#count++;
      this.found.set(address, instruction);
      run.push(instruction);
      const target = targetOf(instruction);
      if (instruction.operation === 'call' && target !== null) this.callees.add(target);
      address += instruction.length;
      if (!endsRun(instruction)) continue;
      if (instruction.operation === 'ret') return [];
      if (instruction.operation !== 'jmp') return target === null ? [address] : [address, target];
      return target === null ? this.#targets(instruction, run) : [target];
    }
  }

  #targets(jump: Instruction, run: readonly Instruction[]): readonly Address[] {
    const table = findJumpTable(run, this.found, this.#read);
    if (table === null || table.targets.length + this.leaders.size > MAXIMUM_BLOCKS) return [];
    this.tables.set(jump.address, table);
    return table.targets;
  }
}

/** The unit at an address. @param read bytes of read-only memory, for jump tables. */
export function discover(entry: Address, isLoop: boolean, decode: Decode, read: ReadTable): Unit {
  const discovery = new Discovery(decode, read);
  discovery.follow(entry);
  const { found, leaders, tables } = discovery;
  const starts = [...leaders].filter((address) => found.get(address) !== undefined || address === entry);
  const indices = new Map(starts.map((address, index) => [address, index]));
  const indexOf = (address: Address) => indices.get(address) ?? -1;
  let instructionCount = 0;
  const blocks = starts.map((start, index) => {
    const instructions: Instruction[] = [];
    let terminator: Terminator | null = null;
    for (let address = start; terminator === null; ) {
      const instruction = found.get(address) ?? null;
      if (instruction === null) terminator = { kind: 'leave', address };
      else if (address !== start && leaders.has(address))
        terminator = { kind: 'next', next: indexOf(address), address };
      else {
        instructions.push(instruction);
        address += instruction.length;
        if (endsRun(instruction)) terminator = terminatorOf(instructions, tables, indexOf);
      }
    }
    instructionCount += instructions.length;
    return { index, start, instructions, terminator };
  });
  const callees = [...discovery.callees];
  return { entry, isLoop, blocks, callees, instructionCount, tables: [...tables.values()] };
}

function terminatorOf(
  instructions: readonly Instruction[],
  tables: ReadonlyMap<Address, JumpTable>,
  indexOf: (address: Address) => number,
): Terminator {
  const instruction = instructions[instructions.length - 1];
  const target = targetOf(instruction);
  const nextAddress = instruction.address + instruction.length;
  if (instruction.operation === 'ret') return { kind: 'return' };
  if (instruction.operation === 'jmp') {
    if (target !== null) return { kind: 'jump', next: indexOf(target), address: target };
    const table = tables.get(instruction.address);
    // The number of the case is kept where the entry is loaded, which must be in the same block.
    return table === undefined || !instructions.some(({ address }) => address === table.load)
      ? { kind: 'indirect' }
      : { kind: 'switch', table, targets: table.targets.map(indexOf) };
  }
  const takenAddress = target ?? nextAddress;
  return {
    kind: 'branch',
    taken: indexOf(takenAddress),
    takenAddress,
    next: indexOf(nextAddress),
    nextAddress,
  };
}

/** Indices of the blocks that control may go to from a block; -1 is left out. */
export function successors(block: Block): number[] {
  const { terminator } = block;
  switch (terminator.kind) {
    case 'next':
    case 'jump':
      return terminator.next < 0 ? [] : [terminator.next];
    case 'branch':
      return [terminator.taken, terminator.next].filter((index) => index >= 0);
    case 'switch':
      return [...new Set(terminator.targets)].filter((index) => index >= 0);
    default:
      return [];
  }
}
