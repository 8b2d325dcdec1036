/**
 * Macros that read and write registers and ports of devices. Implements NdisReadRegisterUchar, NdisRawReadPortUchar,
 * their kin, and NdisZeroMappedMemory (ndis.h).
 */

import type { OutPointer } from '../../kernel/index.ts';
import { busOf, readPortBuffer, readRegister, writePortBuffer, writeRegister } from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import { macro } from '../declareNdis.ts';

function page(name: string): string {
  return `ndis/nf-ndis-${name.toLowerCase()}`;
}

function store(memory: KernelMemory, at: Address, size: number, value: number): void {
  if (size === 4) memory.data.setUint32(at, value, true);
  else if (size === 2) memory.data.setUint16(at, value, true);
  else memory.data.setUint8(at, value);
}

function registerReader(name: string, type: string, size: number) {
  return macro(
    `VOID ${name}(P${type} Register, P${type} Data)`,
    'any',
    '5.1',
    page(name),
    ({ kernel, memory }) =>
      (Register: Address, Data: OutPointer): void =>
        store(memory, Data, size, readRegister(kernel, `${name}: Register`, Register, size)),
  );
}

function registerWriter(name: string, type: string, size: number) {
  return macro(
    `VOID ${name}(P${type} Register, ${type} Data)`,
    'any',
    '5.1',
    page(name),
    ({ kernel }) =>
      (Register: Address, Data: number): void =>
        writeRegister(kernel, `${name}: Register`, Register, size, Data),
  );
}

function portReader(name: string, type: string, size: number) {
  return macro(
    `VOID ${name}(ULONG_PTR Port, P${type} Data)`,
    'any',
    '5.1',
    page(name),
    ({ kernel, memory }) =>
      (Port: number, Data: OutPointer): void =>
        store(memory, Data, size, busOf(kernel).readPort(Port, size)),
  );
}

function portWriter(name: string, type: string, size: number) {
  return macro(
    `VOID ${name}(ULONG_PTR Port, ${type} Data)`,
    'any',
    '5.1',
    page(name),
    ({ kernel }) =>
      (Port: number, Data: number): void =>
        busOf(kernel).writePort(Port, size, Data),
  );
}

function portBuffer(name: string, type: string, size: number, transfer: typeof readPortBuffer) {
  return macro(
    `VOID ${name}(ULONG_PTR Port, P${type} Buffer, ULONG Length)`,
    'any',
    '5.1',
    page(name),
    ({ kernel }) =>
      (Port: number, Buffer: Address, Length: number): void =>
        transfer(kernel, `${name}: Buffer`, Port, Buffer, Length, size),
  );
}

/** Reads a register of one byte. Any IRQL. ndis/nf-ndis-ndisreadregisteruchar */
export const NdisReadRegisterUchar = registerReader('NdisReadRegisterUchar', 'UCHAR', 1);
/** Reads a register of two bytes. Any IRQL. ndis/nf-ndis-ndisreadregisterushort */
export const NdisReadRegisterUshort = registerReader('NdisReadRegisterUshort', 'USHORT', 2);
/** Reads a register of four bytes. Any IRQL. ndis/nf-ndis-ndisreadregisterulong */
export const NdisReadRegisterUlong = registerReader('NdisReadRegisterUlong', 'ULONG', 4);
/** Writes a register of one byte. Any IRQL. ndis/nf-ndis-ndiswriteregisteruchar */
export const NdisWriteRegisterUchar = registerWriter('NdisWriteRegisterUchar', 'UCHAR', 1);
/** Writes a register of two bytes. Any IRQL. ndis/nf-ndis-ndiswriteregisterushort */
export const NdisWriteRegisterUshort = registerWriter('NdisWriteRegisterUshort', 'USHORT', 2);
/** Writes a register of four bytes. Any IRQL. ndis/nf-ndis-ndiswriteregisterulong */
export const NdisWriteRegisterUlong = registerWriter('NdisWriteRegisterUlong', 'ULONG', 4);
/** Reads a byte from a port. Any IRQL. ndis/nf-ndis-ndisrawreadportuchar */
export const NdisRawReadPortUchar = portReader('NdisRawReadPortUchar', 'UCHAR', 1);
/** Reads two bytes from a port. Any IRQL. ndis/nf-ndis-ndisrawreadportushort */
export const NdisRawReadPortUshort = portReader('NdisRawReadPortUshort', 'USHORT', 2);
/** Reads four bytes from a port. Any IRQL. ndis/nf-ndis-ndisrawreadportulong */
export const NdisRawReadPortUlong = portReader('NdisRawReadPortUlong', 'ULONG', 4);
/** Writes a byte to a port. Any IRQL. ndis/nf-ndis-ndisrawwriteportuchar */
export const NdisRawWritePortUchar = portWriter('NdisRawWritePortUchar', 'UCHAR', 1);
/** Writes two bytes to a port. Any IRQL. ndis/nf-ndis-ndisrawwriteportushort */
export const NdisRawWritePortUshort = portWriter('NdisRawWritePortUshort', 'USHORT', 2);
/** Writes four bytes to a port. Any IRQL. ndis/nf-ndis-ndisrawwriteportulong */
export const NdisRawWritePortUlong = portWriter('NdisRawWritePortUlong', 'ULONG', 4);
/** Reads `Length` bytes from one port. Any IRQL. ndis/nf-ndis-ndisrawreadportbufferuchar */
export const NdisRawReadPortBufferUchar = portBuffer(
  'NdisRawReadPortBufferUchar',
  'UCHAR',
  1,
  readPortBuffer,
);
/** Reads `Length` units of two bytes from one port. Any IRQL. ndis/nf-ndis-ndisrawreadportbufferushort */
export const NdisRawReadPortBufferUshort = portBuffer(
  'NdisRawReadPortBufferUshort',
  'USHORT',
  2,
  readPortBuffer,
);
/** Reads `Length` units of four bytes from one port. Any IRQL. ndis/nf-ndis-ndisrawreadportbufferulong */
export const NdisRawReadPortBufferUlong = portBuffer(
  'NdisRawReadPortBufferUlong',
  'ULONG',
  4,
  readPortBuffer,
);
/** Writes `Length` bytes to one port. Any IRQL. ndis/nf-ndis-ndisrawwriteportbufferuchar */
export const NdisRawWritePortBufferUchar = portBuffer(
  'NdisRawWritePortBufferUchar',
  'UCHAR',
  1,
  writePortBuffer,
);
/** Writes `Length` units of two bytes to one port. Any IRQL. ndis/nf-ndis-ndisrawwriteportbufferushort */
export const NdisRawWritePortBufferUshort = portBuffer(
  'NdisRawWritePortBufferUshort',
  'USHORT',
  2,
  writePortBuffer,
);
/** Writes `Length` units of four bytes to one port. Any IRQL. ndis/nf-ndis-ndisrawwriteportbufferulong */
export const NdisRawWritePortBufferUlong = portBuffer(
  'NdisRawWritePortBufferUlong',
  'ULONG',
  4,
  writePortBuffer,
);

/** Clears mapped device memory, four bytes at a time where it is aligned. Any IRQL. ndis/nf-ndis-ndiszeromappedmemory */
export const NdisZeroMappedMemory = macro(
  'VOID NdisZeroMappedMemory(PVOID Destination, ULONG Length)',
  'any',
  '5.1',
  page('NdisZeroMappedMemory'),
  ({ kernel }) =>
    (Destination: Address, Length: number): void => {
      const end = Destination + Length;
      for (let at = Destination; at < end; ) {
        const size = (at & 3) === 0 && at + 4 <= end ? 4 : 1;
        writeRegister(kernel, 'NdisZeroMappedMemory: Destination', at, size, 0);
        at += size;
      }
    },
);
