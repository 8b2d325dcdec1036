/** A test miniport over a test device: its MiniportInitializeEx and MiniportHaltEx run what the test gives. */

import { type AttachOptions, busOf, type KernelOptions, type PciFunction } from '../../src/kernel/index.ts';
import type { Address } from '../../src/memory/index.ts';
import {
  connectHardware,
  type MiniportAdapter,
  NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
  NDIS_MINIPORT_INTERRUPT_REVISION_1,
  NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
  NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION,
  NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_SUCCESS,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  generalAttributes,
  registerMiniport,
  registrationAttributes,
} from './drivers.ts';
import { createTestNdis, type TestDriver, type TestNdis } from './ndis.ts';
import { DISMISS, TestDevice } from './testDevice.ts';

export interface HardwareOptions extends KernelOptions {
  readonly attach?: AttachOptions;
  readonly messages?: number;
  /** No device at all. */
  readonly bare?: boolean;
  /** AttributeFlags of the registration attributes; default: bus master. */
  readonly flags?: number;
  readonly interfaceType?: number;
  readonly initialize?: (stack: HardwareStack, parameters: { readonly AllocatedResources: Address }) => void;
  readonly halt?: (stack: HardwareStack) => void;
}

export interface HardwareStack {
  readonly t: TestNdis;
  readonly driver: TestDriver;
  readonly ndis: TestDriver['ndis'];
  readonly device: TestDevice;
  readonly target: PciFunction;
  readonly adapter: MiniportAdapter;
  /** The handle of the adapter. */
  readonly handle: Address;
  readonly log: string[];
}

/** Brings a stack up; the adapter has run its MiniportInitializeEx when this is over. */
export async function createHardwareStack(options: HardwareOptions = {}): Promise<HardwareStack> {
  const t = createTestNdis(options);
  const m = createTestMiniport(t);
  const log: string[] = [];
  // Filled before any handler runs.
  let stack = null as HardwareStack | null;
  const ready = (): HardwareStack => {
    if (stack === null) throw new Error('the stack is not there yet');
    return stack;
  };
  await registerMiniport(t, m, {
    InitializeHandlerEx: (
      handle: Address,
      _context: unknown,
      parameters: { AllocatedResources: Address },
    ) => {
      const attributes = registrationAttributes({ handle }) as { RegistrationAttributes: object };
      const flags = options.flags ?? NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
      const InterfaceType = options.interfaceType ?? 5;
      m.driver.ndis.NdisMSetMiniportAttributes(handle, {
        RegistrationAttributes: {
          ...attributes.RegistrationAttributes,
          AttributeFlags: flags,
          InterfaceType,
        },
      } as object);
      m.driver.ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      options.initialize?.(ready(), parameters);
      return NDIS_STATUS_SUCCESS;
    },
    HaltHandlerEx: () => options.halt?.(ready()),
  });
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  const device = new TestDevice(t.memory, options.messages ?? 4);
  const target = busOf(t.kernel).attach(device, options.attach);
  if (options.bare !== true) connectHardware(t.ndis, adapter, target);
  const { driver } = m;
  stack = { t, driver, ndis: driver.ndis, device, target, adapter, handle: adapter.handle, log };
  await t.runAll();
  return stack;
}

/** Handlers that note what they are called for, and dismiss the interrupt at the device. */
export function interruptCharacteristics(
  stack: HardwareStack,
  changes: object = {},
  queue: (queueDefault: Address, targets: Address) => void = (queueDefault) => {
    stack.t.memory.u8[queueDefault] = 1;
  },
) {
  const { log, t, device, target } = stack;
  const at = () => `${t.kernel.irql}@${t.kernel.scheduler.processor.number}`;
  const dismiss = (): boolean => {
    if (!device.raised) return false;
    busOf(t.kernel).writeMemory(target.ranges[0].start + DISMISS, 4, 0);
    return true;
  };
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
      Revision: NDIS_MINIPORT_INTERRUPT_REVISION_1,
      Size: NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1,
    },
    InterruptHandler: (_context: unknown, queueDefault: Address, targets: Address) => {
      const mine = dismiss();
      log.push(`isr ${mine} ${at()}`);
      if (mine) queue(queueDefault, targets);
      return mine;
    },
    InterruptDpcHandler: (_context: unknown, dpcContext: unknown) => {
      log.push(`dpc ${dpcContext === 0 ? '' : 'context '}${at()}`);
    },
    DisableInterruptHandler: () => log.push(`disable ${at()}`),
    EnableInterruptHandler: () => log.push(`enable ${at()}`),
    MsiSupported: true,
    MessageInterruptHandler: (
      _context: unknown,
      message: number,
      queueDefault: Address,
      targets: Address,
    ) => {
      dismiss();
      log.push(`message ${message} ${at()}`);
      queue(queueDefault, targets);
      return true;
    },
    MessageInterruptDpcHandler: (_context: unknown, message: number, dpcContext: unknown) => {
      log.push(`messageDpc ${message} ${dpcContext === 0 ? '' : 'context '}${at()}`);
    },
    DisableMessageInterruptHandler: (_context: unknown, message: number) =>
      log.push(`disable ${message} ${at()}`),
    EnableMessageInterruptHandler: (_context: unknown, message: number) =>
      log.push(`enable ${message} ${at()}`),
    ...changes,
  };
}

/** NDIS_SG_DMA_DESCRIPTION with a handler. */
export function dmaDescription(process: (...args: never[]) => void, changes: object = {}) {
  return {
    Header: { Type: NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, Revision: 1, Size: 36 },
    Flags: 1,
    MaximumPhysicalMapping: 8192,
    ProcessSGListHandler: process,
    ...changes,
  };
}
