/** Hardware of a machine for the host: puts a teaching device with its wire on the bus and gives it to an adapter. */

import { type AttachOptions, busOf, type Kernel, NdisboxError, type PciFunction } from '../kernel/index.ts';
import { connectHardware, functionOf, type MiniportAdapter, type NdisLibrary } from '../ndis/index.ts';
import type { Wire } from '../wire/index.ts';
import { TeachingDevice } from './teachingDevice/teachingDevice.ts';

/** How the device of an adapter is put on the bus. */
export interface DeviceOptions extends AttachOptions {
  /** Its permanent MAC address, six bytes; default: the wire's. */
  readonly macAddress?: Uint8Array;
}

/** Unix time at which the clock of a new machine stands, 2025-01-01 00:00 UTC, in nanoseconds. */
export const EPOCH_NANOSECONDS = 1_735_689_600_000_000_000n;

/**
 * Puts a teaching device on the bus for an adapter that is not initialized yet.
 * @throws NdisboxError BAD_OPTION without a wire or for a MAC address that is none; SLOT_TAKEN, BUS_FULL.
 */
export function attachDevice(
  kernel: Kernel,
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  wire: Wire | undefined,
  options: DeviceOptions,
  wake: () => void,
): PciFunction {
  const { macAddress } = options;
  if (wire === undefined)
    throw new NdisboxError('BAD_OPTION', `the device of "${adapter.instanceName}" has no wire; give it one`);
  if (macAddress !== undefined && macAddress.length !== 6)
    throw new NdisboxError('BAD_OPTION', `macAddress has ${macAddress.length} bytes; give six`);
  const device = new TeachingDevice({
    memory: kernel.memory,
    wire,
    epochNanoseconds: EPOCH_NANOSECONDS,
    wake,
    ...(macAddress === undefined ? {} : { macAddress }),
  });
  const target = busOf(kernel).attach(device, options);
  connectHardware(ndis, adapter, target);
  return target;
}

/** The wire of an adapter's device; null for an adapter without one. */
export function deviceWire(ndis: NdisLibrary, adapter: MiniportAdapter): Wire | null {
  const device = functionOf(ndis, adapter)?.device;
  return device instanceof TeachingDevice ? device.wire : null;
}
