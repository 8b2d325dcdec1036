/**
 * Accesses to I/O ports. A port without a device reads as ones.
 * Implements READ_PORT_UCHAR, WRITE_PORT_UCHAR, their buffer forms and kin (wdm.h), which are IN and OUT instructions in C.
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import { busOf } from './bus.ts';

/** Ports are 16 bits wide. */
const PORT_MASK = 0xffff;
const common = { irql: 'any', waits: 'never', since: '2000', inline: true } as const;

function reader(name: string, type: string, size: number) {
  return declareFunction('hal', {
    ...common,
    prototype: `${type} ${name}(${type} *Port)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => {
      const bus = busOf(kernel);
      return (Port: Address) => bus.readPort(Port & PORT_MASK, size);
    },
  });
}

function writer(name: string, type: string, size: number) {
  return declareFunction('hal', {
    ...common,
    prototype: `VOID ${name}(${type} *Port, ${type} Value)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => {
      const bus = busOf(kernel);
      return (Port: Address, Value: number) => bus.writePort(Port & PORT_MASK, size, Value);
    },
  });
}

/** Reads `count` elements of one port into memory. */
export function readPortBuffer(
  kernel: Kernel,
  what: string,
  port: number,
  buffer: Address,
  count: number,
  size: number,
): void {
  requireRange(kernel, what, buffer, count * size, 'write');
  const bus = busOf(kernel);
  const { data } = kernel.memory;
  for (let at = buffer; at < buffer + count * size; at += size) {
    const value = bus.readPort(port & PORT_MASK, size);
    if (size === 4) data.setUint32(at, value, true);
    else if (size === 2) data.setUint16(at, value, true);
    else data.setUint8(at, value);
  }
}

/** Writes `count` elements of memory to one port. */
export function writePortBuffer(
  kernel: Kernel,
  what: string,
  port: number,
  buffer: Address,
  count: number,
  size: number,
): void {
  requireRange(kernel, what, buffer, count * size, 'read');
  const bus = busOf(kernel);
  const { data } = kernel.memory;
  for (let at = buffer; at < buffer + count * size; at += size) {
    const value =
      size === 4 ? data.getUint32(at, true) : size === 2 ? data.getUint16(at, true) : data.getUint8(at);
    bus.writePort(port & PORT_MASK, size, value);
  }
}

function bufferForm(name: string, type: string, size: number, transfer: typeof readPortBuffer) {
  return declareFunction('hal', {
    ...common,
    prototype: `VOID ${name}(${type} *Port, ${type} *Buffer, ULONG Count)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (Port: Address, Buffer: Address, Count: number) =>
      transfer(kernel, `${name}: Buffer`, Port, Buffer, Count, size),
  });
}

/** Reads a byte from a port. Any IRQL. wdm/nf-wdm-read_port_uchar */
export const READ_PORT_UCHAR = reader('READ_PORT_UCHAR', 'UCHAR', 1);
/** Reads two bytes from a port. Any IRQL. wdm/nf-wdm-read_port_ushort */
export const READ_PORT_USHORT = reader('READ_PORT_USHORT', 'USHORT', 2);
/** Reads four bytes from a port. Any IRQL. wdm/nf-wdm-read_port_ulong */
export const READ_PORT_ULONG = reader('READ_PORT_ULONG', 'ULONG', 4);
/** Writes a byte to a port. Any IRQL. wdm/nf-wdm-write_port_uchar */
export const WRITE_PORT_UCHAR = writer('WRITE_PORT_UCHAR', 'UCHAR', 1);
/** Writes two bytes to a port. Any IRQL. wdm/nf-wdm-write_port_ushort */
export const WRITE_PORT_USHORT = writer('WRITE_PORT_USHORT', 'USHORT', 2);
/** Writes four bytes to a port. Any IRQL. wdm/nf-wdm-write_port_ulong */
export const WRITE_PORT_ULONG = writer('WRITE_PORT_ULONG', 'ULONG', 4);
/** Reads bytes from one port into memory. Any IRQL. wdm/nf-wdm-read_port_buffer_uchar */
export const READ_PORT_BUFFER_UCHAR = bufferForm('READ_PORT_BUFFER_UCHAR', 'UCHAR', 1, readPortBuffer);
/** Reads units of two bytes from one port into memory. Any IRQL. wdm/nf-wdm-read_port_buffer_ushort */
export const READ_PORT_BUFFER_USHORT = bufferForm('READ_PORT_BUFFER_USHORT', 'USHORT', 2, readPortBuffer);
/** Reads units of four bytes from one port into memory. Any IRQL. wdm/nf-wdm-read_port_buffer_ulong */
export const READ_PORT_BUFFER_ULONG = bufferForm('READ_PORT_BUFFER_ULONG', 'ULONG', 4, readPortBuffer);
/** Writes bytes of memory to one port. Any IRQL. wdm/nf-wdm-write_port_buffer_uchar */
export const WRITE_PORT_BUFFER_UCHAR = bufferForm('WRITE_PORT_BUFFER_UCHAR', 'UCHAR', 1, writePortBuffer);
/** Writes units of two bytes of memory to one port. Any IRQL. wdm/nf-wdm-write_port_buffer_ushort */
export const WRITE_PORT_BUFFER_USHORT = bufferForm('WRITE_PORT_BUFFER_USHORT', 'USHORT', 2, writePortBuffer);
/** Writes units of four bytes of memory to one port. Any IRQL. wdm/nf-wdm-write_port_buffer_ulong */
export const WRITE_PORT_BUFFER_ULONG = bufferForm('WRITE_PORT_BUFFER_ULONG', 'ULONG', 4, writePortBuffer);
