/**
 * Accesses to registers in memory: what is a volatile load or store in C. Of a mapped device the device is asked; other
 * memory is read and written as it is. Implements READ_REGISTER_UCHAR, WRITE_REGISTER_UCHAR and their kin (wdm.h).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Kernel } from '../kernel.ts';
import { pagesOf } from '../memory/kernelPool.ts';
import { pageFault, requireRange } from '../process/pageFault.ts';
import { busOf } from './bus.ts';

/** Reads a register of 1, 2 or 4 bytes at a mapped address. */
export function readRegister(kernel: Kernel, what: string, address: Address, size: number): number {
  const bus = busOf(kernel);
  if (bus.isMapped(address)) return bus.readMemory(address, size);
  requireMemory(kernel, what, address, size, 'read');
  const { data } = kernel.memory;
  if (size === 4) return data.getUint32(address, true);
  return size === 2 ? data.getUint16(address, true) : data.getUint8(address);
}

/** Writes a register of 1, 2 or 4 bytes at a mapped address. */
export function writeRegister(
  kernel: Kernel,
  what: string,
  address: Address,
  size: number,
  value: number,
): void {
  const bus = busOf(kernel);
  if (bus.isMapped(address)) return bus.writeMemory(address, size, value);
  requireMemory(kernel, what, address, size, 'write');
  const { data } = kernel.memory;
  if (size === 4) data.setUint32(address, value, true);
  else if (size === 2) data.setUint16(address, value, true);
  else data.setUint8(address, value);
}

function requireMemory(
  kernel: Kernel,
  what: string,
  address: Address,
  size: number,
  access: 'read' | 'write',
): void {
  requireRange(kernel, what, address, size, access);
  if (!pagesOf(kernel).isMapped(address, size)) pageFault(kernel, { what, address, access, library: false });
}

function reader(name: string, type: string, size: number) {
  return declareFunction('ntoskrnl', {
    prototype: `${type} ${name}(${type} *Register)`,
    irql: 'any',
    waits: 'never',
    since: '2000',
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    inline: true,
    implement: (kernel: Kernel) => (Register: Address) =>
      readRegister(kernel, `${name}: Register`, Register, size),
  });
}

function writer(name: string, type: string, size: number) {
  return declareFunction('ntoskrnl', {
    prototype: `VOID ${name}(${type} *Register, ${type} Value)`,
    irql: 'any',
    waits: 'never',
    since: '2000',
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    inline: true,
    implement: (kernel: Kernel) => (Register: Address, Value: number) =>
      writeRegister(kernel, `${name}: Register`, Register, size, Value),
  });
}

/** Reads a register of one byte. Any IRQL. wdm/nf-wdm-read_register_uchar */
export const READ_REGISTER_UCHAR = reader('READ_REGISTER_UCHAR', 'UCHAR', 1);
/** Reads a register of two bytes. Any IRQL. wdm/nf-wdm-read_register_ushort */
export const READ_REGISTER_USHORT = reader('READ_REGISTER_USHORT', 'USHORT', 2);
/** Reads a register of four bytes. Any IRQL. wdm/nf-wdm-read_register_ulong */
export const READ_REGISTER_ULONG = reader('READ_REGISTER_ULONG', 'ULONG', 4);
/** Writes a register of one byte. Any IRQL. wdm/nf-wdm-write_register_uchar */
export const WRITE_REGISTER_UCHAR = writer('WRITE_REGISTER_UCHAR', 'UCHAR', 1);
/** Writes a register of two bytes. Any IRQL. wdm/nf-wdm-write_register_ushort */
export const WRITE_REGISTER_USHORT = writer('WRITE_REGISTER_USHORT', 'USHORT', 2);
/** Writes a register of four bytes. Any IRQL. wdm/nf-wdm-write_register_ulong */
export const WRITE_REGISTER_ULONG = writer('WRITE_REGISTER_ULONG', 'ULONG', 4);
