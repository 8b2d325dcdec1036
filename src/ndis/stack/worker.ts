/**
 * The thread that works on the stack of an adapter: takes one operation after the other and does it to its end.
 * Implements "Driver Stack Management" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { signalEvent } from '../events.ts';
import { restartThroughModule } from '../filter/queue.ts';
import { NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { haltAdapter } from '../miniport/halt.ts';
import { initializeAdapter } from '../miniport/initialize.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { handleDeviceRequest } from '../pnp/deviceRequests.ts';
import { notifyIdle, resumeFromIdle } from '../power/selectiveSuspend.ts';
import { queryPower, setPower, setPowerLocals } from '../power/setPower.ts';
import { unbindBinding } from '../protocol/unbind.ts';
import { pauseStack, restartStack } from './pauseRestart.ts';
import { reconfigureStack } from './reconfigure.ts';
import { STACK_THREAD } from './threads.ts';

const workOnStack = procedure<NdisLibrary, { readonly adapter: Address; event: Address }>(
  'NdisStackOperations',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const operation = adapter?.operations.shift();
      if (adapter === null || operation === undefined) {
        if (adapter !== null) {
          adapter.working = false;
          if (adapter.halted) ndis.unregister(adapter);
        }
        return step.done(NDIS_STATUS_SUCCESS);
      }
      if (adapter.suspended && operation.kind !== 'idle') {
        // Whatever is done to a stack needs its adapter awake.
        adapter.operations.unshift(operation);
        return step.run('start', resumeFromIdle, ndis, { adapter: locals.adapter, event: 0 });
      }
      locals.event = operation.event;
      const target = { adapter: locals.adapter };
      switch (operation.kind) {
        case 'initialize':
          return step.run('over', initializeAdapter, ndis, { ...target, parameters: 0 });
        case 'reconfigure':
          return step.run('over', reconfigureStack, ndis, target);
        case 'unbind':
          return step.run('over', unbindBinding, ndis, { binding: operation.binding });
        case 'unbindProtocol': {
          const binding = adapter.bindings.find(
            (candidate) => candidate.protocol.handle === operation.protocol,
          );
          return step.run('over', unbindBinding, ndis, { binding: binding?.handle ?? 0 });
        }
        case 'restartFilter':
          return step.run('over', restartThroughModule, ndis, { module: operation.module, adapter: 0 });
        case 'halt':
          return step.run('over', haltAdapter, ndis, { ...target, action: operation.action });
        case 'device':
          return step.run('over', handleDeviceRequest, ndis, { ...target, request: operation.request });
        case 'power': {
          const change = operation.query ? queryPower : setPower;
          return step.run('over', change, ndis, setPowerLocals(adapter, operation.state));
        }
        case 'idle':
          return step.run('over', notifyIdle, ndis, { ...target, forced: operation.forced });
        case 'pause':
          return step.run('over', pauseStack, ndis, { ...target, reason: operation.reason, parameters: 0 });
        case 'restart':
          return step.run('over', restartStack, ndis, { ...target, parameters: 0 });
      }
    },
    over: (ndis, locals, step) => {
      signalEvent(ndis.kernel, locals.event);
      return step.go('start');
    },
  },
);

/** Lets the queues of this library's adapters start their worker. */
export function attachStackWorker(ndis: NdisLibrary): void {
  inventoryOf(ndis).startWork = (adapter) => {
    ndis.kernel.scheduler.createThread(STACK_THREAD, workOnStack, ndis, {
      adapter: adapter.handle,
      event: 0,
    });
  };
}
