/**
 * Pausing and restarting one binding by the events NetEventPause and NetEventRestart.
 * Implements "Binding States of a Protocol Driver" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import { allocateFilterNames, filterNameBytes } from '../filter/names.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_PROTOCOL_RESTART_PARAMETERS,
  NDIS_PROTOCOL_PAUSE_PARAMETERS_REVISION_1,
  NDIS_PROTOCOL_RESTART_PARAMETERS_REVISION_1,
  NDIS_STATUS_SUCCESS,
  NetEventPause,
  NetEventRestart,
} from '../generated/constants/index.ts';
import {
  NDIS_PROTOCOL_PAUSE_PARAMETERS,
  NDIS_PROTOCOL_RESTART_PARAMETERS,
} from '../generated/structures/index.ts';
import { highestInterface } from '../interface/adapterInterfaces.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateCertainStructure, freeLibraryMemory } from '../libraryMemory.ts';
import { allocateNotification } from '../pnp/eventNotification.ts';
import { notifyProtocol } from '../pnp/netPnPEvent.ts';
import { apply } from '../stateTable.ts';
import { Binding, bindingStates } from './protocolDriver.ts';

/** Sends NetEventPause to a running binding; a binding cannot refuse. */
export const pauseBinding = procedure<
  NdisLibrary,
  { readonly binding: Address; readonly reason: number; notification: Address; parameters: Address }
>('NdisPauseBinding', {
  start: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null || binding.state !== 'Running') return step.done(NDIS_STATUS_SUCCESS);
    apply(ndis.kernel, bindingStates, binding, 'NetEventPause', binding.protocol.driver);
    updateReceivers(binding.adapter);
    locals.parameters = allocateCertainStructure(ndis, NDIS_PROTOCOL_PAUSE_PARAMETERS, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NDIS_PROTOCOL_PAUSE_PARAMETERS_REVISION_1,
        Size: NDIS_PROTOCOL_PAUSE_PARAMETERS.size,
      },
      PauseReason: locals.reason,
    });
    locals.notification = allocateNotification(
      ndis,
      NetEventPause,
      locals.parameters,
      NDIS_PROTOCOL_PAUSE_PARAMETERS.size,
    );
    return step.run('completed', notifyProtocol, ndis, {
      target: locals.binding,
      notification: locals.notification,
    });
  },
  completed: (ndis, locals, step, result) => {
    freeLibraryMemory(ndis, locals.notification);
    freeLibraryMemory(ndis, locals.parameters);
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    const { driver } = binding.protocol;
    if (result !== NDIS_STATUS_SUCCESS) {
      ndis.kernel.report(
        'PAUSE_FAILED',
        driver,
        `ProtocolNetPnPEvent failed NetEventPause of ${binding.label} with 0x${result.toString(16)}; a pause cannot fail`,
        bindingStates.page,
      );
    }
    if (binding.sendsOutstanding > 0) {
      ndis.kernel.report(
        'PAUSED_WITH_LISTS_OUTSTANDING',
        driver,
        `${binding.label} completed NetEventPause while ${binding.sendsOutstanding} of its sends were not completed`,
        bindingStates.page,
      );
    }
    apply(ndis.kernel, bindingStates, binding, 'PauseComplete', driver);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** Sends NetEventRestart to a paused binding; it stays paused where it fails. */
export const restartBinding = procedure<
  NdisLibrary,
  { readonly binding: Address; notification: Address; parameters: Address }
>('NdisRestartBinding', {
  start: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null || binding.state !== 'Paused') return step.done(NDIS_STATUS_SUCCESS);
    apply(ndis.kernel, bindingStates, binding, 'NetEventRestart', binding.protocol.driver);
    updateReceivers(binding.adapter);
    const top = highestInterface(binding.adapter);
    const names = allocateFilterNames(ndis, binding.adapter);
    locals.parameters = allocateCertainStructure(ndis, NDIS_PROTOCOL_RESTART_PARAMETERS, {
      Header: {
        Type: NDIS_OBJECT_TYPE_PROTOCOL_RESTART_PARAMETERS,
        Revision: NDIS_PROTOCOL_RESTART_PARAMETERS_REVISION_1,
        Size: NDIS_PROTOCOL_RESTART_PARAMETERS.size,
      },
      FilterModuleNameBuffer: names,
      FilterModuleNameBufferLength: names === 0 ? 0 : filterNameBytes(binding.adapter),
      RestartAttributes: binding.adapter.restartAttributes,
      BoundIfIndex: top.ifIndex,
    });
    NDIS_PROTOCOL_RESTART_PARAMETERS.at(ndis.memory, locals.parameters).BoundIfNetluid.Value = top.netLuid;
    locals.notification = allocateNotification(
      ndis,
      NetEventRestart,
      locals.parameters,
      NDIS_PROTOCOL_RESTART_PARAMETERS.size,
    );
    return step.run('completed', notifyProtocol, ndis, {
      target: locals.binding,
      notification: locals.notification,
    });
  },
  completed: (ndis, locals, step, result) => {
    if (locals.parameters !== 0) {
      const parameters = NDIS_PROTOCOL_RESTART_PARAMETERS.at(ndis.memory, locals.parameters);
      freeLibraryMemory(ndis, parameters.FilterModuleNameBuffer);
    }
    freeLibraryMemory(ndis, locals.notification);
    freeLibraryMemory(ndis, locals.parameters);
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    const restarted = result === NDIS_STATUS_SUCCESS;
    binding.restartFailed = !restarted;
    const event = restarted ? 'RestartComplete' : 'RestartFailed';
    apply(ndis.kernel, bindingStates, binding, event, binding.protocol.driver);
    updateReceivers(binding.adapter);
    return step.done(result);
  },
});
