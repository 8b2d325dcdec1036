/**
 * Several units as one WebAssembly module: what their functions do to registers is found first, so that calls between
 * them save and load only what they must. Implements the convention of convention.ts.
 */

import type { Address } from '../../memory/index.ts';
import { analyse, type Summary, summarize, UNKNOWN_FUNCTION } from './analysis.ts';
import type { Callee } from './calls.ts';
import { type CheckMap, IMPORTS, RAX_BIT, TYPE_GUEST, TYPES } from './convention.ts';
import { actionOf } from './handlers.ts';
import { moduleBytes } from './module.ts';
import type { Unit } from './unit.ts';
import { UnitWriter } from './unitWriter.ts';

/** Element of the table for a function that is not in the module. */
export type SlotOf = (address: Address) => number;

/** The bytes of a module that exports each unit under its index in decimal. */
export function writeModule(units: readonly Unit[], map: CheckMap, slotOf: SlotOf): Uint8Array<ArrayBuffer> {
  const indices = new Map<Address, number>();
  units.forEach((unit, index) => {
    if (!unit.isLoop) indices.set(unit.entry, index);
  });
  const summaries = summarizeAll(units);
  const summaryOf = (address: Address): Summary => {
    const index = indices.get(address);
    return index === undefined ? UNKNOWN_FUNCTION : summaries[index];
  };
  const calleeOf = (address: Address): Callee => {
    const index = indices.get(address);
    return index === undefined
      ? { kind: 'slot', slot: slotOf(address) }
      : { kind: 'function', index: IMPORTS.length + index };
  };
  const functions = units.map((unit, index) => {
    const analysis = analyse(unit, summaries[index], actionOf, summaryOf);
    const code = new UnitWriter(analysis, map, calleeOf, summaryOf).write();
    return { type: TYPE_GUEST, code, export: String(index) };
  });
  return moduleBytes({ types: TYPES, imports: IMPORTS, functions });
}

/** Summaries of all units, from nothing upwards until no call changes them any more. */
function summarizeAll(units: readonly Unit[]): Summary[] {
  const summaries: Summary[] = units.map(() => ({ touched: RAX_BIT, writes: 0 }));
  const indices = new Map(units.map((unit, index) => [unit.isLoop ? -1 : unit.entry, index]));
  const summaryOf = (address: Address): Summary => {
    const index = indices.get(address);
    return index === undefined ? UNKNOWN_FUNCTION : summaries[index];
  };
  for (let changed = true; changed; ) {
    changed = false;
    units.forEach((unit, index) => {
      const found = summarize(unit, actionOf, summaryOf);
      const known = summaries[index];
      if (found.touched === known.touched && found.writes === known.writes) return;
      summaries[index] = found;
      changed = true;
    });
  }
  return summaries;
}
