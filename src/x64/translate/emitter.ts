/**
 * What all handlers of instructions share while a unit is written: registers, memory operands and their checks, and
 * how to leave. Implements the translated side of decision 1 of the design: every access is checked before it happens.
 */

import { type Address, KERNEL_WINDOW_HIGH, PAGE_SIZE } from '../../memory/index.ts';
import type { Instruction, MemoryOperand, Operand } from '../instruction.ts';
import { RSP, STATE_FS_BASE, STATE_FUEL, STATE_GS_BASE, STATE_RIP } from '../state.ts';
import { type Analysis, type BlockFacts, type Step, smallestHolding } from './analysis.ts';
import { Body, type Label } from './body.ts';
import {
  type CheckMap,
  EFFECTIVE,
  FUEL,
  PARAMETERS,
  REASON,
  REASON_LEAVE,
  RIP,
  stateOf,
} from './convention.ts';
import type { Registers } from './effects.ts';
import { isSteady } from './fastLoop.ts';
import { Flags } from './flags.ts';
import { applyToFrame, type Frame, offsetOf, UNKNOWN } from './frame.ts';
import { op } from './opcodes.ts';
import { Ranges } from './ranges.ts';
import type { Windows } from './windows.ts';

/** Where a memory operand lies: an i32 in a local, or the low half of a register, and a constant. */
export interface Place {
  /** Meaning of the local. */
  readonly local: number;
  readonly is64: boolean;
  /** Constant address when there is no local. */
  readonly isConstant: boolean;
  /** Added with wrapping before the access. */
  readonly add: number;
  /** Added by the access itself. */
  readonly offset: number;
}

/** Stands for a range that was checked before the loop. */
const NO_CHECK = { low: 0, high: 0, writes: true };
/** Offsets below this never reach beyond 4 GiB when the whole address was checked: the first 64 KiB are not mapped. */
const SMALL_OFFSET = 0x1_0000;
const BITS_128_STORE = 11;
const BITS_128_LOAD = 0;

export class Emitter {
  readonly analysis: Analysis;
  readonly map: CheckMap;
  readonly body: Body;
  readonly flags: Flags;
  readonly ranges = new Ranges();
  windows: Windows | null = null;
  /** Registers through which everything was checked already. */
  steady = 0;
  /** Lowest and highest distance from rsp at the entry that is accessed without a check. */
  lowestUsed = 0;
  highestUsed = 0;
  /** The block that is being written, the step in it, and where the step's registers point in the frame. */
  facts: BlockFacts;
  at = 0;
  frame: Frame;
  /** Instructions of the block that fuel was not yet taken for. */
  pending = 0;
  /** Where a function leaves, by the registers that are stored there. */
  readonly #exits = new Map<Registers, Label>();

  constructor(analysis: Analysis, map: CheckMap) {
    this.analysis = analysis;
    this.map = map;
    this.body = new Body(PARAMETERS);
    this.flags = new Flags(this.body);
    this.facts = analysis.blocks[0];
    this.frame = new Int32Array(16);
  }

  get step(): Step {
    return this.facts.steps[this.at];
  }

  /** Flags that somebody reads after the instruction. */
  get liveFlags(): number {
    return this.step.flagsAfter;
  }

  /** Goes on to the next step: what is known of the frame and of checked ranges follows. */
  advance(): void {
    const { step } = this;
    applyToFrame(this.frame, step);
    if (step.action === 'native') this.ranges.written(step.effects.writes);
    else this.ranges.clear();
    this.pending++;
    this.at++;
  }

  // Registers.

  /** Pushes a general register: i64, or i32 with undefined bits above a smaller size. */
  pushLoose(register: number, size: number, high = false): void {
    this.body.get(register);
    if (size === 8) return;
    this.body.op(op.i32WrapI64);
    if (!high) return;
    this.body.i32(8);
    this.body.op(op.i32ShrU);
  }

  /** Pushes a general register: i64, or i32 with zeros above a smaller size. */
  pushRegister(register: number, size: number, high = false): void {
    this.pushLoose(register, size, high);
    this.zeroExtend(size);
  }

  zeroExtend(size: number): void {
    if (size !== 1 && size !== 2) return;
    this.body.i32(size === 1 ? 0xff : 0xffff);
    this.body.op(op.i32And);
  }

  signExtend(size: number): void {
    if (size === 1) this.body.op(op.i32Extend8S);
    if (size === 2) this.body.op(op.i32Extend16S);
  }

  /** Takes a value of `size` from the stack, i64 for 8 and else i32, into a general register. */
  setRegister(register: number, size: number, high = false): void {
    const { body } = this;
    if (size === 8) {
      body.set(register);
      return;
    }
    if (size === 4) {
      body.op(op.i64ExtendI32U);
      body.set(register);
      return;
    }
    this.zeroExtend(size);
    body.op(op.i64ExtendI32U);
    if (high) {
      body.i64(8);
      body.op(op.i64Shl);
    }
    body.get(register);
    if (size === 2) body.i64(~0xffff);
    else body.i64(high ? ~0xff00 : ~0xff);
    body.op(op.i64And);
    body.op(op.i64Or);
    body.set(register);
  }

  /** Pushes an immediate in the form of its size. */
  pushImmediate(low: number, high: number, size: number): void {
    if (size === 8) this.body.i64(low, high);
    else this.body.i32(size === 1 ? low & 0xff : size === 2 ? low & 0xffff : low);
  }

  // Memory.

  /** Computes the 64-bit address of an operand and pushes it. */
  pushEffective(operand: MemoryOperand): void {
    const { body } = this;
    if (operand.ripRelative) {
      body.i64(operand.displacement, KERNEL_WINDOW_HIGH);
      return;
    }
    let pushed = false;
    const add = () => {
      if (pushed) body.op(op.i64Add);
      pushed = true;
    };
    if (operand.base >= 0) {
      body.get(operand.base);
      add();
    }
    if (operand.index >= 0) {
      body.get(operand.index);
      if (operand.scale > 1) {
        body.i64(31 - Math.clz32(operand.scale));
        body.op(op.i64Shl);
      }
      add();
    }
    if (!pushed || operand.displacement !== 0 || operand.displacementHigh !== operand.displacement >> 31) {
      body.i64(operand.displacement, operand.displacementHigh);
      add();
    }
    if (operand.addressSize === 4) {
      body.op(op.i32WrapI64);
      body.op(op.i64ExtendI32U);
    }
    if (operand.segment === 'none') return;
    body.i32(0);
    body.memory(op.i64Load, operand.segment === 'gs' ? STATE_GS_BASE : STATE_FS_BASE);
    body.op(op.i64Add);
  }

  /**
   * Checks a memory operand; the function leaves here where the access is not plainly allowed.
   * @param local meaning of an i32 local that may hold the address.
   */
  place(operand: MemoryOperand, size: number, writes: boolean, local: number): Place {
    const offset = offsetOf(this.frame, operand);
    if (offset !== UNKNOWN) return this.framePlace(operand.base, operand.displacement, offset, size);
    const { body } = this;
    if (operand.ripRelative) {
      this.#checkConstant(operand.displacement, size, writes);
      return { local: 0, is64: false, isConstant: true, add: 0, offset: operand.displacement >>> 0 };
    }
    const range = isSteady(operand, this.steady) ? NO_CHECK : this.ranges.find(operand, size, writes);
    const direct =
      operand.base >= 0 && operand.index < 0 && operand.segment === 'none' && operand.addressSize === 8;
    if (range === null) this.#check(operand, size, writes);
    else if (!direct) {
      this.pushEffective(operand);
      body.set(EFFECTIVE);
    }
    if (direct) {
      const isSmall = operand.displacement >= 0 && operand.displacement < SMALL_OFFSET;
      return {
        local: operand.base,
        is64: true,
        isConstant: false,
        add: isSmall ? 0 : operand.displacement,
        offset: isSmall ? operand.displacement : 0,
      };
    }
    body.get(EFFECTIVE);
    body.op(op.i32WrapI64);
    body.set(local);
    return { local, is64: false, isConstant: false, add: 0, offset: 0 };
  }

  /** An address in the function's frame, given by a register that holds one: the check at the entry covers it. */
  framePlace(register: number, displacement: number, offset: number, size: number): Place {
    this.lowestUsed = Math.min(this.lowestUsed, offset);
    this.highestUsed = Math.max(this.highestUsed, offset + size);
    const isSmall = displacement >= 0;
    return {
      local: register,
      is64: true,
      isConstant: false,
      add: isSmall ? 0 : displacement,
      offset: isSmall ? displacement : 0,
    };
  }

  /** Pushes the address for a load or store. */
  pushPlace(place: Place): void {
    const { body } = this;
    if (place.isConstant) {
      body.i32(0);
      return;
    }
    body.get(place.local);
    if (place.is64) body.op(op.i32WrapI64);
    if (place.add === 0) return;
    body.i32(place.add);
    body.op(op.i32Add);
  }

  /** Pushes what lies in a checked place: i64 for 8 bytes, v128 for 16, else i32 with zeros above. */
  load(place: Place, size: number): void {
    this.pushPlace(place);
    if (size === 16) this.body.simdMemory(BITS_128_LOAD, place.offset);
    else this.body.memory(LOADS[size], place.offset);
  }

  /** Stores the value on the stack, above the address that `pushPlace` left there. */
  store(place: Place, size: number): void {
    if (size === 16) this.body.simdMemory(BITS_128_STORE, place.offset);
    else this.body.memory(STORES[size], place.offset);
  }

  /** Pushes an operand of up to 8 bytes: i64 for 8, else i32 with zeros above. */
  pushOperand(operand: Operand, local: number): void {
    if (operand.kind === 'general') this.pushRegister(operand.register, operand.size, operand.high);
    else if (operand.kind === 'immediate') this.pushImmediate(operand.low, operand.high, operand.size);
    else if (operand.kind === 'memory')
      this.load(this.place(operand, operand.size, false, local), operand.size);
    else throw new Error(`translator: operand ${operand.kind} cannot be read`);
  }

  #checkConstant(address: Address, size: number, writes: boolean): void {
    const { body, map } = this;
    if (this.ranges.coversConstant(address, size, writes)) return;
    const low = address >>> 0;
    const table = writes ? map.writeMap : map.readMap;
    body.i32(0);
    body.memory(op.i32Load8u, table + (low >>> 12));
    if (low >>> 12 !== (low + size - 1) >>> 12) {
      body.i32(0);
      body.memory(op.i32Load8u, table + ((low + size - 1) >>> 12));
      body.op(op.i32Or);
    }
    if (map.shadow >= 0) this.#shadowOfConstant(low, size);
    this.leaveIf();
  }

  #shadowOfConstant(low: number, size: number): void {
    const { body, map } = this;
    for (const at of new Set([low, low + size - 1])) {
      body.i32(0);
      body.memory(op.i32Load8s, map.shadow + (at >>> 3));
      body.i32(at & 7);
      body.op(op.i32LeS);
      body.op(op.i32Or);
    }
  }

  /** Leaves EFFECTIVE set. */
  #check(operand: MemoryOperand, size: number, writes: boolean): void {
    const { body, map } = this;
    const range =
      map.shadow >= 0
        ? this.ranges.single(operand, size, writes)
        : this.ranges.ahead(operand, size, writes, this.facts.steps, this.at, this.frame);
    this.pushEffective(operand);
    body.tee(EFFECTIVE);
    const first = range.low - operand.displacement;
    const last = range.high - 1 - operand.displacement;
    // The check is of the whole range, which need not begin at the operand.
    if (first !== 0) {
      body.i64(first);
      body.op(op.i64Add);
    }
    const length = last - first + 1;
    const window =
      map.shadow >= 0
        ? null
        : (this.windows?.find(this.facts.block.index, operand, first, length, range.writes) ?? null);
    if (window !== null) {
      body.get(window.low);
      body.op(op.i64Sub);
      if (window.span >= 0) {
        body.get(window.span);
        body.op(op.i64GeU);
        this.leaveIf();
        return;
      }
      body.i64(PAGE_SIZE - length);
      body.op(op.i64GtU);
      body.open(op.if);
      this.#pushFirst(first);
    }
    body.i64(32);
    body.op(op.i64ShrU);
    body.op(op.i32WrapI64);
    body.i32(KERNEL_WINDOW_HIGH);
    body.op(op.i32Xor);
    if (map.shadow >= 0) {
      this.#orShadow(size, writes);
    } else {
      const table = range.writes ? map.writeMap : map.readMap;
      this.#orMap(first, table);
      if (last !== first) this.#orMap(last, table);
    }
    this.leaveIf();
    if (window === null) return;
    this.#pushFirst(first);
    body.i64(-PAGE_SIZE);
    body.op(op.i64And);
    body.set(window.low);
    body.close();
  }

  /** Pushes the 64-bit address of the first byte that is checked. */
  #pushFirst(distance: number): void {
    this.body.get(EFFECTIVE);
    if (distance === 0) return;
    this.body.i64(distance);
    this.body.op(op.i64Add);
  }

  #orMap(distance: number, table: number): void {
    const { body } = this;
    body.get(EFFECTIVE);
    body.op(op.i32WrapI64);
    if (distance !== 0) {
      body.i32(distance);
      body.op(op.i32Add);
    }
    body.i32(12);
    body.op(op.i32ShrU);
    body.memory(op.i32Load8u, table);
    body.op(op.i32Or);
  }

  /** Ors what is not zero where the shadow forbids the access. See src/memory/shadow.ts for the bytes. */
  #orShadow(size: number, writes: boolean): void {
    const { body, map } = this;
    const lookUp = (distance: number) => {
      body.get(EFFECTIVE);
      body.op(op.i32WrapI64);
      if (distance !== 0) {
        body.i32(distance);
        body.op(op.i32Add);
      }
    };
    if (writes) this.#orMap(size - 1, map.writeMap);
    if (size === 16) {
      lookUp(0);
      body.i32(3);
      body.op(op.i32ShrU);
      body.memory(op.i32Load8s, map.shadow);
      body.i32(31);
      body.op(op.i32ShrS);
      body.op(op.i32Or);
    }
    lookUp(size - 1);
    body.i32(3);
    body.op(op.i32ShrU);
    body.memory(op.i32Load8s, map.shadow);
    if (size >= 8) {
      // The last byte's eight bytes must all be there; a shorter block ends the translated code for nothing.
      body.i32(8);
      body.op(op.i32Xor);
      if (size === 8) {
        // And those of the first, where they are others.
        lookUp(0);
        body.i32(3);
        body.op(op.i32ShrU);
        body.memory(op.i32Load8s, map.shadow);
        body.i32(8);
        body.op(op.i32Xor);
        body.op(op.i32Or);
      }
    } else {
      body.i32(1);
      body.op(op.i32Sub);
      lookUp(size - 1);
      body.i32(7);
      body.op(op.i32And);
      body.op(op.i32Sub);
      if (size > 1) {
        lookUp(0);
        body.i32(3);
        body.op(op.i32ShrU);
        body.memory(op.i32Load8s, map.shadow);
        body.i32(1);
        body.op(op.i32Sub);
        body.op(op.i32Or);
      }
      body.i32(31);
      body.op(op.i32ShrS);
    }
    body.op(op.i32Or);
  }

  // Leaving.

  /** Opens the block that is left by `leave` with these registers to store. Called outermost first. */
  openExit(registers: Registers): void {
    this.#exits.set(registers, this.body.open(op.block));
  }

  /** Leaves before the current instruction where the i32 on the stack is not zero. */
  leaveIf(reason: number = REASON_LEAVE): void {
    this.body.open(op.if);
    this.leaveBefore(reason);
    this.body.close();
  }

  /** Leaves before the current instruction. */
  leaveBefore(reason: number = REASON_LEAVE): void {
    const { step } = this;
    this.flags.store(step.flagsBefore);
    this.leave(step.dirty, step.instruction.address, this.pending, reason);
  }

  /** Leaves: execution goes on at `address`, after `spent` more instructions than fuel was taken for. */
  leave(dirty: Registers, address: Address, spent: number, reason: number): void {
    this.body.i32(address);
    this.body.set(RIP);
    this.spend(spent);
    this.leaveAt(dirty, reason);
  }

  /** Leaves with RIP set. */
  leaveAt(dirty: Registers, reason: number): void {
    const { body } = this;
    // Always set, so that it is no value that loops carry along.
    body.i32(reason);
    body.set(REASON);
    const label = this.#exits.get(smallestHolding(this.analysis.exitSets, dirty));
    if (label === undefined) throw new Error('translator: no exit for a set of registers');
    body.br(label);
  }

  /** The code behind the block of `openExit`. */
  writeExit(registers: Registers): void {
    const { body } = this;
    this.storeRegisters(registers);
    body.i32(0);
    body.get(FUEL);
    body.memory(op.i32Store, STATE_FUEL);
    body.i32(0);
    body.get(RIP);
    body.memory(op.i32Store, STATE_RIP);
    body.i32(0);
    body.i32(KERNEL_WINDOW_HIGH);
    body.memory(op.i32Store, STATE_RIP + 4);
    body.i32(0);
    body.get(REASON);
    body.op(op.i32Sub);
    body.i64(0);
    body.op(op.return);
  }

  /** Takes fuel. */
  spend(count: number): void {
    if (count === 0) return;
    const { body } = this;
    body.get(FUEL);
    body.i32(count);
    body.op(op.i32Sub);
    body.set(FUEL);
  }

  storeRegisters(registers: Registers): void {
    const { body } = this;
    for (let register = 0; register < 32; register++) {
      if (((registers >>> register) & 1) === 0) continue;
      body.i32(0);
      body.get(register);
      if (register < 16) body.memory(op.i64Store, stateOf(register));
      else body.simdMemory(BITS_128_STORE, stateOf(register));
    }
  }

  loadRegisters(registers: Registers): void {
    const { body } = this;
    for (let register = 0; register < 32; register++) {
      if (((registers >>> register) & 1) === 0) continue;
      body.i32(0);
      if (register < 16) body.memory(op.i64Load, stateOf(register));
      else body.simdMemory(BITS_128_LOAD, stateOf(register));
      body.set(register);
    }
  }

  /** Distance of rsp from its value at the entry, UNKNOWN where it is not known. */
  get stackOffset(): number {
    return this.frame[RSP];
  }
}

const LOADS: readonly number[] = [0, op.i32Load8u, op.i32Load16u, 0, op.i32Load, 0, 0, 0, op.i64Load];
const STORES: readonly number[] = [0, op.i32Store8, op.i32Store16, 0, op.i32Store, 0, 0, 0, op.i64Store];

/** A handler: writes the code of one instruction. */
export type Handler = (emitter: Emitter, instruction: Instruction) => void;
