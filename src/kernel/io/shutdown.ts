/** The end of a machine for its drivers: IRP_MJ_SHUTDOWN to the devices that asked for it (wdm/nf-wdm-ioregistershutdownnotification). */

import { type Address, poolType } from '../../memory/index.ts';
import { STATUS_PENDING, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { procedure } from '../procedure.ts';
import { initializeEvent } from '../sync/event.ts';
import { MAJOR } from './accessMethod.ts';
import { topDevice } from './deviceFunctions.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';
import { callDriverProcedure } from './requests.ts';

const TAG = 0x7475_6853;

const shutDown = procedure<Kernel, { readonly event: Address }>('Shutdown', {
  start: (kernel, locals, step) => {
    const { memory } = kernel;
    const device = ioManagerOf(kernel).shutdown.shift();
    if (device === undefined) {
      poolOf(kernel).free(locals.event, TAG);
      return step.done(STATUS_SUCCESS);
    }
    const top = topDevice(kernel, device);
    const irp = ioManagerOf(kernel).allocateIrp(memory.i8[top + at.DEVICE_STACK_SIZE], { system: true });
    if (irp === 0) return step.go('start');
    initializeEvent(kernel, locals.event, false, false);
    memory.writePointer(irp + at.IRP_USER_EVENT, locals.event);
    memory.u8[at.nextStack(kernel, irp) + at.STACK_MAJOR] = MAJOR.shutdown;
    return step.run('called', callDriverProcedure, kernel, { device: top, irp, location: 0 });
  },
  called: (_kernel, locals, step, result) => {
    if (result >>> 0 !== STATUS_PENDING) return step.go('start');
    return step.wait('start', {
      objects: [locals.event],
      type: 'any',
      timeout: null,
      reason: 'IRP_MJ_SHUTDOWN',
    });
  },
});

/** Begins to tell every registered device, the last one registered first; the caller pumps the scheduler. */
export function startShutdown(kernel: Kernel, finished: () => void): void {
  if (ioManagerOf(kernel).shutdown.length === 0) return finished();
  const event = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, 24, TAG, 0);
  kernel.scheduler.createThread('shutdown', shutDown, kernel, { event }, { finished });
}
