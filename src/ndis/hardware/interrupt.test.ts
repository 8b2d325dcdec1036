/** Interrupts of miniport drivers: granting, DIRQL, DPCs and processors, synchronization, what is left behind. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import {
  createHardwareStack,
  type HardwareOptions,
  interruptCharacteristics,
} from '../../../test/support/hardwareStack.ts';
import { poolOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  enableInterrupts,
  NDIS_CONNECT_LINE_BASED,
  NDIS_CONNECT_MESSAGE_BASED,
  NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMSIXTableConfigMaskTableEntry,
  NdisMSIXTableConfigSetTableEntry,
  NdisMSIXTableConfigUnmaskTableEntry,
} from '../index.ts';

type Queue = Parameters<typeof interruptCharacteristics>[2];

/** A stack whose interrupt is registered in MiniportInitializeEx; `characteristics` lies in memory of the driver. */
async function setUp(options: HardwareOptions & { readonly changes?: object; readonly queue?: Queue } = {}) {
  const outcome = { status: -1, interrupt: 0 as Address, characteristics: 0 as Address };
  const stack = await createHardwareStack({
    ...options,
    initialize: (s) => {
      const cell = s.driver.cell();
      const { size } = NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS;
      const at = bytesAt(s.t.kernel, size);
      outcome.characteristics = at;
      const literal = interruptCharacteristics(s, options.changes, options.queue);
      NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS.fill(s.t.memory, at, literal as object, {
        callableAddress: (handler) => s.t.memory.callables.addressOf(handler, s.driver.driver),
        objectAddress: (object) => s.t.memory.objects.addressOf(object, s.driver.driver),
        unicodeString: () => ({ Buffer: 0, Length: 0 }),
      });
      outcome.status = s.ndis.NdisMRegisterInterruptEx(s.handle, { s }, at as never, cell);
      outcome.interrupt = cell.value;
    },
    halt: options.halt ?? ((s) => s.ndis.NdisMDeregisterInterruptEx(outcome.interrupt)),
  });
  const view = NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS.at(stack.t.memory, outcome.characteristics);
  return { ...stack, ...outcome, view };
}

describe('NdisMRegisterInterruptEx (ndis/nf-ndis-ndismregisterinterruptex)', () => {
  test('grants messages where driver and bus can, and says which', async () => {
    const s = await setUp();
    expect(s.status).toBe(NDIS_STATUS_SUCCESS);
    expect(s.view.InterruptType).toBe(NDIS_CONNECT_MESSAGE_BASED);
    const info = s.view.MessageInfoTable;
    expect(s.t.memory.u32[(info + 4) >> 2]).toBe(4);
    expect(s.t.memory.u32[(info + 8 + 48 + 28) >> 2]).toBe(s.target.messages[1].vector);
    s.device.raise(2);
    await s.t.runAll();
    expect(s.log).toEqual(['message 2 9@0', 'messageDpc 2 2@0']);
  });

  test('grants a line where the driver knows no messages, or the bus has none', async () => {
    for (const options of [
      { changes: { MsiSupported: false } },
      { attach: { interrupts: 'line' as const } },
    ]) {
      const s = await setUp(options);
      expect([s.status, s.view.InterruptType, s.view.MessageInfoTable]).toEqual([
        NDIS_STATUS_SUCCESS,
        NDIS_CONNECT_LINE_BASED,
        0,
      ]);
      s.device.raise();
      await s.t.runAll();
      expect(s.log).toEqual(['isr true 5@0', 'dpc 2@0']);
    }
  });

  test('refuses wrong headers, missing handlers, adapters without hardware, wrong handles', async () => {
    const header = { Header: { Type: 0x84, Revision: 1, Size: 8 } };
    expect((await setUp({ changes: header, halt: () => {} })).status).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
    for (const missing of ['InterruptHandler', 'InterruptDpcHandler', 'EnableMessageInterruptHandler'])
      expect((await setUp({ changes: { [missing]: null }, halt: () => {} })).status).toBe(
        NDIS_STATUS_BAD_CHARACTERISTICS,
      );
    const bare = await setUp({ bare: true, halt: () => {} });
    expect(bare.status).toBe(NDIS_STATUS_FAILURE);
    const { ndis, t, characteristics, driver } = bare;
    await t.run(() =>
      expect(ndis.NdisMRegisterInterruptEx(0x1234, 0, characteristics as never, driver.cell())).toBe(
        NDIS_STATUS_FAILURE,
      ),
    );
    expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test('fails when memory is short', async () => {
    const s = await setUp();
    poolOf(s.t.kernel).fail = () => true;
    await s.t.run(() =>
      expect(
        s.ndis.NdisMRegisterInterruptEx(s.handle, 0, s.characteristics as never, s.characteristics),
      ).toBe(NDIS_STATUS_RESOURCES),
    );
  });
});

describe('MiniportInterrupt (ndis/nc-ndis-miniport_isr)', () => {
  test('queues DPCs on the processors it names, unless it asks for the default one', async () => {
    const s = await setUp({
      processors: 4,
      attach: { interrupts: 'line' },
      queue: (_default, targets) => {
        s.t.memory.u32[targets >> 2] = 0b1010;
      },
    });
    s.device.raise();
    await s.t.runAll();
    expect(s.log.slice(1).sort()).toEqual(['dpc 2@1', 'dpc 2@3']);
  });

  test('is asked whose a shared interrupt is, and FALSE lets the next be asked', async () => {
    const s = await setUp({ attach: { interrupts: 'line' }, changes: { InterruptHandler: () => false } });
    s.device.raise();
    await expect(s.t.runAll()).rejects.toMatchObject({ bugCheckCode: 0xf2 });
  });

  test('queues nothing when it asks for nothing', async () => {
    const s = await setUp({ queue: () => {} });
    s.device.raise(1);
    await s.t.runAll();
    expect(s.log).toEqual(['message 1 9@0']);
  });
});

describe('DPCs', () => {
  test('are queued on processors once each until they run (ndis/nf-ndis-ndismqueuedpcex)', async () => {
    const s = await setUp({ processors: 4 });
    await s.t.run(() => {
      const { ntoskrnl, ndis } = s.driver;
      const old = ntoskrnl.KeRaiseIrqlToDpcLevel();
      const affinity = { Mask: 0b1110n, Group: 0 };
      const context = { some: 'context' };
      const first = ndis.NdisMQueueDpcEx(s.interrupt, 0, affinity as object, context);
      const second = ndis.NdisMQueueDpcEx(s.interrupt, 0, affinity as object, context);
      // Some may have run meanwhile; nobody may have been queued twice.
      expect(first).toBe(0b1110n);
      expect(second & ~0b1110n).toBe(0n);
      expect(ndis.NdisMQueueDpcEx(s.interrupt, 0, { Mask: 1n, Group: 1 } as object, 0)).toBe(0n);
      ntoskrnl.KeLowerIrql(old);
    });
    await s.t.runAll();
    expect(s.log.filter((line) => line.startsWith('messageDpc 0 context')).length).toBeGreaterThanOrEqual(3);
  });

  test('by bit map for NDIS 6.0 and 6.1 (ndis/nf-ndis-ndismqueuedpc); wrong handles and messages are findings', async () => {
    const s = await setUp();
    await s.t.run(() => {
      expect(s.ndis.NdisMQueueDpc(s.interrupt, 1, 1, 0)).toBe(1);
      expect(s.ndis.NdisMQueueDpc(s.interrupt, 1, 0, 0)).toBe(0);
      expect(s.ndis.NdisMQueueDpc(s.interrupt, 9, 1, 0)).toBe(0);
      expect(s.ndis.NdisMQueueDpcEx(0x44, 0, { Mask: 1n, Group: 0 } as object, 0)).toBe(0n);
    });
    expect(s.log).toEqual(['messageDpc 1 2@0']);
    expect(s.t.findings()).toEqual(['BAD_MESSAGE miniport', 'BAD_HANDLE miniport']);
  });

  test('come back while there is more to indicate (ndis/ns-ndis-_ndis_receive_throttle_parameters)', async () => {
    let rounds = 0;
    const seen: number[] = [];
    const s = await setUp({
      changes: {
        MessageInterruptDpcHandler: (_c: unknown, _m: number, _d: unknown, throttle: Address) => {
          seen.push(s.t.memory.u32[throttle >> 2]);
          if (++rounds < 3) s.t.memory.u32[(throttle + 4) >> 2] = 1;
        },
      },
    });
    s.device.raise(0);
    await s.t.runAll();
    expect(seen).toEqual([0xffff_ffff, 0xffff_ffff, 0xffff_ffff]);
  });
});

describe('NdisMSynchronizeWithInterruptEx (ndis/nf-ndis-ndismsynchronizewithinterruptex)', () => {
  test('runs at DIRQL while the interrupt is held back, and gives what the function gave', async () => {
    const s = await setUp();
    await s.t.run(() => {
      const context = { raise: () => s.device.raise(1) };
      const run = (given: unknown) => {
        s.log.push(`locked ${s.t.kernel.irql}`);
        (given as typeof context).raise();
        s.driver.ntoskrnl.KeStallExecutionProcessor(5);
        s.log.push('unlocked');
        return true;
      };
      expect(s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 1, run as never, context)).toBe(1);
      expect(s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 1, (() => false) as never, 0)).toBe(0);
      expect(s.t.kernel.irql).toBe(0);
    });
    await s.t.runAll();
    expect(s.log).toEqual(['locked 9', 'unlocked', 'message 1 9@0', 'messageDpc 1 2@0']);
  });

  test('with a message that is not there, or from the interrupt itself, is a finding', async () => {
    const s = await setUp();
    await s.t.run(() => {
      const inner = () =>
        s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 0, (() => true) as never, 0) !== 0;
      expect(s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 0, inner as never, 0)).toBe(0);
      expect(s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 7, inner as never, 0)).toBe(0);
      expect(s.ndis.NdisMSynchronizeWithInterruptEx(0x88, 0, inner as never, 0)).toBe(0);
    });
    expect(s.t.findings()).toEqual([
      'INTERRUPT_LOCK_HELD miniport',
      'BAD_MESSAGE miniport',
      'BAD_HANDLE miniport',
    ]);
  });

  test('one lock serves all messages where the driver asks for it', async () => {
    const s = await setUp({ changes: { MsiSyncWithAllMessages: true } });
    await s.t.run(() => {
      const run = () => {
        for (const message of [0, 1, 2, 3]) s.device.raise(message);
        s.driver.ntoskrnl.KeStallExecutionProcessor(5);
        expect(s.log).toEqual([]);
        return true;
      };
      s.ndis.NdisMSynchronizeWithInterruptEx(s.interrupt, 0, run as never, 0);
    });
    await s.t.runAll();
    expect(s.log.filter((line) => line.startsWith('message '))).toHaveLength(4);
  });
});

describe('NdisMConfigMSIXTableEntry (ndis/nf-ndis-ndismconfigmsixtableentry)', () => {
  const parameters = (ConfigOperation: number, TableEntry: number, MessageNumber = 0) =>
    ({ Header: { Type: 0x80, Revision: 1, Size: 16 }, ConfigOperation, TableEntry, MessageNumber }) as object;

  test('masks, unmasks and moves entries to other messages', async () => {
    const s = await setUp({ processors: 4 });
    await s.t.run(() => {
      const configure = (...args: Parameters<typeof parameters>) =>
        s.ndis.NdisMConfigMSIXTableEntry(s.handle, parameters(...args));
      expect(configure(NdisMSIXTableConfigMaskTableEntry, 1)).toBe(NDIS_STATUS_SUCCESS);
      s.device.raise(1);
      s.driver.ntoskrnl.KeStallExecutionProcessor(1);
      expect(s.log).toEqual([]);
      expect(configure(NdisMSIXTableConfigSetTableEntry, 1, 3)).toBe(NDIS_STATUS_SUCCESS);
      expect(configure(NdisMSIXTableConfigUnmaskTableEntry, 1)).toBe(NDIS_STATUS_SUCCESS);
    });
    await s.t.runAll();
    expect(s.log[0]).toBe('message 3 9@3');
  });

  test('refuses entries, messages, operations and headers that are wrong, and lines', async () => {
    const s = await setUp();
    const line = await setUp({ attach: { interrupts: 'line' } });
    await s.t.run(() => {
      for (const wrong of [parameters(0, 0, 4), parameters(1, 4), parameters(3, 0), { TableEntry: 0 }])
        expect(s.ndis.NdisMConfigMSIXTableEntry(s.handle, wrong as object)).toBe(
          NDIS_STATUS_INVALID_PARAMETER,
        );
    });
    await line.t.run(() =>
      expect(line.ndis.NdisMConfigMSIXTableEntry(line.handle, parameters(1, 0))).toBe(
        NDIS_STATUS_NOT_SUPPORTED,
      ),
    );
  });
});

describe('what drivers leave behind', () => {
  test('nothing is called after NdisMDeregisterInterruptEx (ndis/nf-ndis-ndismderegisterinterruptex)', async () => {
    const s = await setUp({ processors: 2 });
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      s.ndis.NdisMQueueDpc(s.interrupt, 2, 1 << s.t.kernel.scheduler.processor.number, 0);
      s.t.kernel.irql = old;
      s.ndis.NdisMDeregisterInterruptEx(s.interrupt);
      s.device.raise(2);
    });
    await s.t.runAll();
    expect(s.log).toEqual([]);
    expect(s.t.findings()).toEqual([]);
  });

  test('a device that interrupts still, a stale handle, an interrupt left at halt are findings', async () => {
    // With this seed the interrupt does not come at the call itself.
    const s = await setUp({ seed: 2 });
    await s.t.run(() => {
      s.device.raise(0);
      s.ndis.NdisMDeregisterInterruptEx(s.interrupt);
      s.ndis.NdisMDeregisterInterruptEx(s.interrupt);
    });
    expect(s.log).toEqual([]);
    const left = await setUp({ halt: () => {} });
    left.t.halt(left.adapter);
    await left.t.runAll();
    left.device.raise(0);
    await left.t.runAll();
    expect(s.t.findings()).toEqual(['INTERRUPT_ACTIVE miniport', 'BAD_HANDLE miniport']);
    expect(left.t.findings()).toEqual(['INTERRUPT_NOT_DEREGISTERED miniport']);
    expect(left.log).toEqual([]);
  });
});

describe('to diagnose, NDIS disables and enables interrupts at DIRQL', () => {
  test('of each message (ndis/nc-ndis-miniport_disable_message_interrupt)', async () => {
    const s = await setUp({ messages: 2 });
    await s.t.run(() => {
      enableInterrupts(s.t.ndis, s.adapter, false);
      enableInterrupts(s.t.ndis, s.adapter, true);
    });
    expect(s.log).toEqual(['disable 0 9@0', 'disable 1 9@0', 'enable 0 9@0', 'enable 1 9@0']);
  });

  test('of a line (ndis/nc-ndis-miniport_disable_interrupt)', async () => {
    const s = await setUp({ attach: { interrupts: 'line' } });
    await s.t.run(() => {
      enableInterrupts(s.t.ndis, s.adapter, false);
      enableInterrupts(s.t.ndis, s.adapter, true);
    });
    expect(s.log).toEqual(['disable 5@0', 'enable 5@0']);
  });
});
