/**
 * The translated tier of the engine: which functions are translated, how they are entered and left, and what drops
 * them. Implements decisions 1 and 5 of the design: it depends on guest events only.
 */

import { type Address, KERNEL_WINDOW_HIGH, PAGE_EXECUTE, PAGE_SIZE, PAGE_WRITE } from '../../memory/index.ts';
import { Decoder } from '../decode.ts';
import { CALL_JUMP, CALL_RETURN, type Exit } from '../host.ts';
import type { Instruction } from '../instruction.ts';
import {
  type CodeCache,
  type Cpu,
  ENTER_CONTINUE,
  ENTER_INTERPRET,
  executeSingle,
  NOT_SINGLE,
  type Op,
  type Tiers,
} from '../interpreter/index.ts';
import { RSP, STATE_FUEL, STATE_GENERAL, STATE_RIP } from '../state.ts';
import {
  CALL_CACHE,
  CALL_CACHE_ENTRIES,
  REASON_CONTINUE,
  REASON_FUEL,
  REASON_LEAVE,
  REASON_POP,
  REASON_STACK,
  REASON_STOP,
  STACK_HIGH,
  STACK_LOW,
} from './convention.ts';
import { writeModule } from './moduleWriter.ts';
import { PageMaps } from './pageMaps.ts';
import { runtimeBytes } from './runtime.ts';
import { discover, type Unit } from './unit.ts';

const STOPPED: Exit = { kind: 'stopped' };
const OUT_OF_FUEL: Exit = { kind: 'fuel' };

/** Functions and instructions of one module: a hot function takes its callees along until one is reached. */
const MAXIMUM_UNITS = 48;
const MAXIMUM_INSTRUCTIONS = 8000;
/** Stack below rsp that translated functions may use before they start anew: bounds the host's stack. */
const STACK_BELOW = 0x4000;
const STACK_PAGES_ABOVE = 4;

/** What was made of a module. */
interface Translation {
  readonly units: readonly Unit[];
  /** First and last byte of each stretch of code and table in it. */
  readonly ranges: readonly (readonly [Address, Address])[];
}

/** Counts for figures and tests. */
export interface TranslationCounts {
  modules: number;
  functions: number;
  instructions: number;
  bytes: number;
}

interface GuestExports {
  readonly enter: (slot: number) => number;
}

export class TranslatedTier implements Tiers {
  readonly counts: TranslationCounts = { modules: 0, functions: 0, instructions: 0, bytes: 0 };
  readonly #cpu: Cpu;
  readonly #code: CodeCache;
  readonly #maps: PageMaps;
  readonly #decoder: Decoder;
  readonly #table = new WebAssembly.Table({ initial: 256, element: 'anyfunc' });
  readonly #imports: WebAssembly.ModuleImports;
  readonly #enter: (slot: number) => number;
  readonly #stub: WebAssembly.ExportValue;
  /** Slots of functions by entry, and of loops by their heads. */
  readonly #functionSlots = new Map<Address, number>();
  readonly #loopSlots = new Map<Address, number>();
  /** Slots whose element is translated code. */
  readonly #translated = new Set<number>();
  #translations: Translation[] = [];
  #nextSlot = 1;
  /** Counts drops, so that code that calls the host sees whether it still is what it was. */
  #drops = 0;
  /** What an import ended the run with. */
  #exit: Exit = STOPPED;
  /** Stack window of the last entry: pages, and the state of the maps that it was found with. */
  #windowLow = 0;
  #windowHigh = 0;
  #windowChanges = -1;

  constructor(cpu: Cpu, code: CodeCache) {
    this.#cpu = cpu;
    this.#code = code;
    const { pages, memory } = cpu;
    this.#maps = new PageMaps(memory, pages, (page) => code.holdsCode(page * PAGE_SIZE, 1));
    cpu.forgotten.push((first, count) => this.#maps.refresh(first, count));
    code.watchers.push((address, size) => this.#drop(address, size));
    this.#decoder = new Decoder(
      memory,
      pages === null ? undefined : (address) => pages.allows(address, 1, PAGE_EXECUTE),
    );
    const shared = { m: memory.memory, t: this.#table };
    const runtime = new WebAssembly.Instance(new WebAssembly.Module(runtimeBytes(this.#maps.map)), {
      n: shared,
    });
    // The exports are those of runtime.ts.
    this.#enter = (runtime.exports as unknown as GuestExports).enter;
    this.#stub = runtime.exports['stub'];
    this.#imports = {
      ...shared,
      ...runtime.exports,
      host: (target: number) => this.#callHost(target),
      step: (address: number) => this.#step(address),
      resolve: (target: number) => this.#resolve(target),
    };
  }

  /** Runs translated code at an entry. */
  enter(op: Op): typeof ENTER_CONTINUE | typeof ENTER_INTERPRET | Exit {
    const { i32 } = this.#cpu;
    // Out of fuel: the interpreter goes on to where it is looked at.
    if (i32[STATE_FUEL >> 2] <= 0) return ENTER_INTERPRET;
    const slot = this.#functionSlots.get(op.address) ?? this.#loopSlots.get(op.address);
    if (slot === undefined || !this.#translated.has(slot)) return ENTER_INTERPRET;
    const rsp = i32[(STATE_GENERAL + RSP * 8) >> 2];
    const low = i32[STACK_LOW >> 2];
    const high = i32[STACK_HIGH >> 2];
    if (!this.#openWindow(rsp)) return ENTER_INTERPRET;
    const reason = this.#enter(slot);
    // Whoever called the host, and the host this run, goes on with its own window.
    i32[STACK_LOW >> 2] = low;
    i32[STACK_HIGH >> 2] = high;
    switch (reason) {
      case REASON_CONTINUE:
        return ENTER_CONTINUE;
      case REASON_LEAVE:
        return ENTER_INTERPRET;
      case REASON_FUEL:
        return OUT_OF_FUEL;
      case REASON_STOP:
        return this.#exit;
      case REASON_STACK:
        return i32[(STATE_GENERAL + RSP * 8) >> 2] === rsp ? ENTER_INTERPRET : ENTER_CONTINUE;
      default:
        this.#pop();
        return ENTER_CONTINUE;
    }
  }

  hotCall(op: Op): void {
    this.#translate(op.address, false);
  }

  hotLoop(op: Op): void {
    this.#translate(op.address, true);
  }

  /** The return address becomes rip. */
  #pop(): void {
    const { i32, data } = this.#cpu;
    const rsp = (STATE_GENERAL + RSP * 8) >> 2;
    const at = this.#cpu.check(i32[rsp], i32[rsp + 1], 8, 1);
    i32[STATE_RIP >> 2] = data.getInt32(at, true);
    i32[(STATE_RIP >> 2) + 1] = data.getInt32(at + 4, true);
    i32[rsp] = (i32[rsp] + 8) | 0;
  }

  /** Sets the addresses that translated code may use as stack without a check. @returns whether rsp is one. */
  #openWindow(rsp: number): boolean {
    const { i32 } = this.#cpu;
    const high = i32[((STATE_GENERAL + RSP * 8) >> 2) + 1];
    if (high !== KERNEL_WINDOW_HIGH || rsp < 0) return false;
    const page = rsp >>> 12;
    const maps = this.#maps;
    if (page < this.#windowLow || page >= this.#windowHigh || this.#windowChanges !== maps.changes) {
      if (!maps.canWrite(page)) return false;
      let first = page;
      while (page - first <= STACK_BELOW / PAGE_SIZE && maps.canWrite(first - 1)) first--;
      let end = page + 1;
      while (end - page <= STACK_PAGES_ABOVE && maps.canWrite(end)) end++;
      this.#windowLow = first;
      this.#windowHigh = end;
      this.#windowChanges = maps.changes;
    }
    if (rsp + 8 > this.#windowHigh * PAGE_SIZE) return false;
    i32[STACK_LOW >> 2] = Math.max(this.#windowLow * PAGE_SIZE, rsp - STACK_BELOW);
    i32[(STACK_LOW >> 2) + 1] = KERNEL_WINDOW_HIGH;
    i32[STACK_HIGH >> 2] = this.#windowHigh * PAGE_SIZE;
    i32[(STACK_HIGH >> 2) + 1] = KERNEL_WINDOW_HIGH;
    return true;
  }

  // Imports of translated code: 0 to go on, else the reason to leave plus one.

  #callHost(target: number): number {
    const drops = this.#drops;
    const outcome = this.#cpu.host.call(target);
    if (outcome === CALL_RETURN) return drops === this.#drops ? 0 : REASON_POP + 1;
    if (outcome === CALL_JUMP) return REASON_CONTINUE + 1;
    this.#exit = STOPPED;
    return REASON_STOP + 1;
  }

  #step(address: number): number {
    const drops = this.#drops;
    const outcome = executeSingle(this.#cpu, this.#code, address);
    if (outcome === null) return drops === this.#drops ? 0 : REASON_CONTINUE + 1;
    if (outcome === NOT_SINGLE) return REASON_LEAVE + 1;
    this.#exit = outcome;
    return REASON_STOP + 1;
  }

  #resolve(target: number): number {
    const slot = this.#functionSlots.get(target);
    if (slot === undefined || !this.#translated.has(slot)) return -1;
    const at = (CALL_CACHE + (((target >>> 1) & ((CALL_CACHE_ENTRIES - 1) << 3)) >>> 0)) >> 2;
    this.#cpu.i32[at] = target;
    this.#cpu.i32[at + 1] = slot;
    return slot;
  }

  // Translation.

  #translate(entry: Address, isLoop: boolean): void {
    const units = this.#collect(entry, isLoop);
    if (units.length === 0) return;
    const bytes = writeModule(units, this.#maps.map, (address) => this.#slotOf(this.#functionSlots, address));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { n: this.#imports });
    const ranges: [Address, Address][] = [];
    units.forEach((unit, index) => {
      const slot = this.#slotOf(unit.isLoop ? this.#loopSlots : this.#functionSlots, unit.entry);
      // Exports are named by index.
      this.#table.set(slot, instance.exports[String(index)] as unknown as null);
      this.#translated.add(slot);
      this.#markUnit(unit, ranges);
      this.#code.addEntry(unit.entry);
      this.counts.functions++;
      this.counts.instructions += unit.instructionCount;
    });
    this.counts.modules++;
    this.counts.bytes += bytes.length;
    this.#translations.push({ units, ranges });
  }

  /** The unit at an address and those that it calls, as far as they are not translated yet. */
  #collect(entry: Address, isLoop: boolean): Unit[] {
    const units: Unit[] = [];
    const seen = new Set<Address>();
    const work: Address[] = [entry];
    let instructions = 0;
    for (let next = 0; next < work.length && units.length < MAXIMUM_UNITS; next++) {
      const address = work[next];
      const asLoop = isLoop && next === 0;
      if (seen.has(address) && !asLoop) continue;
      if (!asLoop) seen.add(address);
      const slot = (asLoop ? this.#loopSlots : this.#functionSlots).get(address);
      if (slot !== undefined && this.#translated.has(slot)) continue;
      const unit = discover(
        address,
        asLoop,
        (at) => this.#decode(at),
        (at) => this.#readTable(at),
      );
      if (unit.blocks[0].instructions.length === 0) continue;
      units.push(unit);
      instructions += unit.instructionCount;
      if (instructions > MAXIMUM_INSTRUCTIONS) break;
      work.push(...unit.callees);
    }
    return units;
  }

  #decode(address: Address): Instruction | null {
    const { pages, memory } = this.#cpu;
    if (address < 0 || address >= memory.size) return null;
    if (pages !== null && !pages.allows(address, 1, PAGE_EXECUTE)) return null;
    const instruction = this.#decoder.decode(address);
    return instruction.exception >= 0 ? null : instruction;
  }

  /** An entry of a jump table; null where the memory could change. */
  #readTable(address: Address): number | null {
    const { pages, memory, data } = this.#cpu;
    if (address < 0 || address + 4 > memory.size) return null;
    if (pages !== null && (!pages.isMapped(address, 4) || (pages.protectionAt(address) & PAGE_WRITE) !== 0))
      return null;
    return data.getInt32(address, true);
  }

  #markUnit(unit: Unit, ranges: [Address, Address][]): void {
    for (const { instructions } of unit.blocks) {
      if (instructions.length === 0) continue;
      const last = instructions[instructions.length - 1];
      for (const { address, length } of instructions) this.#code.mark(address, length);
      ranges.push([instructions[0].address, last.address + last.length - 1]);
    }
    for (const { start, targets } of unit.tables) {
      this.#code.mark(start, targets.length * 4);
      ranges.push([start, start + targets.length * 4 - 1]);
    }
  }

  #slotOf(slots: Map<Address, number>, address: Address): number {
    let slot = slots.get(address);
    if (slot === undefined) {
      slot = this.#nextSlot++;
      if (slot >= this.#table.length) this.#table.grow(this.#table.length);
      // Exported functions are what a table holds.
      this.#table.set(slot, this.#stub as unknown as null);
      slots.set(address, slot);
    }
    return slot;
  }

  /** Code changed: every module with a part of it goes. */
  #drop(address: Address, size: number): void {
    const end = address + size - 1;
    const isHit = ({ ranges }: Translation) =>
      ranges.some(([first, last]) => first <= end && last >= address);
    const hit = this.#translations.filter(isHit);
    if (hit.length === 0) return;
    this.#drops++;
    this.#translations = this.#translations.filter((each) => !hit.includes(each));
    for (const { units } of hit) for (const unit of units) this.#dropUnit(unit);
    this.#cpu.u8.fill(0, CALL_CACHE, CALL_CACHE + CALL_CACHE_ENTRIES * 8);
  }

  #dropUnit(unit: Unit): void {
    const slot = (unit.isLoop ? this.#loopSlots : this.#functionSlots).get(unit.entry);
    if (slot === undefined) return;
    this.#table.set(slot, this.#stub as unknown as null);
    this.#translated.delete(slot);
    const other = (unit.isLoop ? this.#functionSlots : this.#loopSlots).get(unit.entry);
    if (other === undefined || !this.#translated.has(other)) this.#code.removeEntry(unit.entry);
  }
}
