/** What test drivers read and write of an IRP, by the offsets of its structures. */

import { DEVICE_OBJECT, DO_BUFFERED_IO, IRP } from '../../src/machine/index.ts';
import type { Address, KernelMemory } from '../../src/memory/index.ts';

export const irps = {
  /** Sets the status of an IRP that is about to be completed. */
  complete(memory: KernelMemory, irp: Address, status: number, information: number): void {
    memory.u32[(irp + IRP.offset.IoStatus) >> 2] = status;
    memory.writePointer(irp + IRP.offset.IoStatus + 8, information);
  },
  systemBuffer(memory: KernelMemory, irp: Address): Address {
    return memory.readPointer(irp + IRP.offset['AssociatedIrp.SystemBuffer']);
  },
  /** Makes a device use buffered I/O. */
  buffered(memory: KernelMemory, device: Address): void {
    memory.u32[(device + DEVICE_OBJECT.offset.Flags) >> 2] |= DO_BUFFERED_IO;
  },
};
