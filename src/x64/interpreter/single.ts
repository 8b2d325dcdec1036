/**
 * One instruction at a time, for translated code that has no translation of its own for it. Registers, flags and fuel
 * are in memory before and after.
 */

import { KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { Exit } from '../host.ts';
import { STATE_FUEL } from '../state.ts';
import type { CodeCache } from './codeCache.ts';
import { type Cpu, Fault, Leave, PREEMPTION } from './cpu.ts';
import {
  CODE_CHANGED,
  CODE_ENTRY,
  CODE_HANDLER,
  CODE_UNDECODED,
  IMMEDIATE_SLOT,
  type Op,
  PRE_NONE,
} from './op.ts';

/** The instruction is not one that can be done alone: the main loop must do it. */
export const NOT_SINGLE = 'notSingle';

/**
 * Executes the instruction at an address that goes on with the next one.
 * @returns null when it is done, an exit when the run ends with it, or NOT_SINGLE; rip, flags and fuel are saved.
 */
export function executeSingle(cpu: Cpu, code: CodeCache, address: number): Exit | typeof NOT_SINGLE | null {
  const { i32 } = cpu;
  let op: Op = code.at(address, KERNEL_WINDOW_HIGH);
  if (op.code === CODE_ENTRY && op.next !== null) op = op.next;
  const fuel = i32[STATE_FUEL >> 2];
  cpu.load();
  try {
    if (op.code === CODE_UNDECODED) code.fill(op);
    if (op.code === CODE_CHANGED) code.refill(op);
    if (op.code !== CODE_HANDLER) return NOT_SINGLE;
    const a = op.pre === PRE_NONE ? 0 : cpu.prepare(op);
    if (op.source === IMMEDIATE_SLOT) {
      i32[IMMEDIATE_SLOT >> 2] = op.low;
      i32[(IMMEDIATE_SLOT >> 2) + 1] = op.high;
    }
    cpu.fuel = (fuel - 1) | 0;
    op.run(cpu, op, op.destination || a, op.source || a);
    cpu.save(op.end, KERNEL_WINDOW_HIGH, cpu.fuel);
    return null;
  } catch (error) {
    if (error instanceof Fault) {
      cpu.save(op.address, op.window, (fuel - error.elements) | 0);
      const { vector, access, low, high, size } = error;
      return { kind: 'exception', vector, access, low, high, size };
    }
    // Who throws this has saved everything.
    if (error instanceof Leave) return { kind: error.kind };
    if (error !== PREEMPTION) throw error;
    cpu.save(op.address, op.window, fuel);
    return { kind: 'preemption' };
  }
}
