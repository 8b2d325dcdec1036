/** Registering and deregistering protocol drivers for NDIS 5. Implements nf-ndis-ndisregisterprotocol and nf-ndis-ndisderegisterprotocol. */

import {
  declareFunction,
  driverLifeOf,
  type Handle,
  type OutPointer,
  type Pointer,
  procedure,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import type { NDIS50_PROTOCOL_CHARACTERISTICS } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { announceBinds, bindFirst } from '../../protocol/bindsComplete.ts';
import { ProtocolDriver } from '../../protocol/protocolDriver.ts';
import { admitProtocol, NdisDeregisterProtocolDriver } from '../../protocol/register.ts';
import { coProtocolEnds } from '../condis/protocolEnds.ts';
import { legacyPage } from '../declareLegacy.ts';
import { readLegacyCharacteristics } from './characteristics.ts';
import { legacyEnds } from './ends.ts';
import { LegacyProtocol, legacyProtocolsOf } from './legacyBinding.ts';

interface Locals {
  readonly driver: number;
  readonly handleAt: Address;
  readonly characteristics: Address;
  readonly length: number;
}

const registerLegacy = procedure<NdisLibrary, Locals>('NdisRegisterProtocol', {
  start: (ndis, locals, step) => {
    const driver = ndis.kernel.drivers[locals.driver];
    const read = readLegacyCharacteristics(ndis, driver, locals.characteristics, locals.length);
    if (typeof read === 'number') return step.done(read);
    const protocol = new ProtocolDriver(driver, read.name, 0, 0);
    const legacy = new LegacyProtocol(ndis, protocol, read);
    protocol.handlers = legacyEnds(legacy);
    const { co } = read.handlers;
    if (co !== null)
      protocol.connections = { co: coProtocolEnds(legacy, co), client: null, callManager: null };
    legacyProtocolsOf(ndis).set(protocol, legacy);
    admitProtocol(ndis, protocol, locals.handleAt, 'NdisDeregisterProtocol');
    driverLifeOf(ndis.kernel).noteRegistration(driver, 'NdisRegisterProtocol');
    const first = bindFirst(ndis, protocol, ndis.options.bindInsideRegistration === true);
    if (first === null) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('bound', announceBinds, ndis, first);
  },
  bound: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/**
 * Registers the entry points of a protocol driver of NDIS 4.0, 5.0 or 5.1. Binding begins right after the call, or
 * inside it where the machine was built with `bindInsideRegistration`. `Status`: NDIS_STATUS_SUCCESS,
 * NDIS_STATUS_BAD_VERSION, NDIS_STATUS_BAD_CHARACTERISTICS (the trace says what is wrong). PASSIVE_LEVEL; may wait.
 * ndis/nf-ndis-ndisregisterprotocol
 */
export const NdisRegisterProtocol = declareFunction('ndis', {
  prototype:
    'VOID NdisRegisterProtocol(PNDIS_STATUS Status, PNDIS_HANDLE NdisProtocolHandle, PNDIS_PROTOCOL_CHARACTERISTICS ProtocolCharacteristics, UINT CharacteristicsLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: legacyPage('NdisRegisterProtocol'),
  implement:
    (ndis: NdisLibrary, driver) =>
    async (
      Status: OutPointer,
      NdisProtocolHandle: OutPointer,
      ProtocolCharacteristics: Pointer<NDIS50_PROTOCOL_CHARACTERISTICS>,
      CharacteristicsLength: number,
    ): Promise<void> => {
      ndis.memory.u32[Status >> 2] = await ndis.kernel.scheduler.execute(registerLegacy, ndis, {
        driver: driver.id - 1,
        handleAt: NdisProtocolHandle,
        characteristics: ProtocolCharacteristics,
        length: CharacteristicsLength,
      });
    },
});

/**
 * Unbinds what is bound, waits for it, and forgets the protocol. From a function that NDIS called it is the finding
 * DEREGISTER_IN_CALLBACK and is done later. `Status`: NDIS_STATUS_SUCCESS. PASSIVE_LEVEL; may wait.
 * ndis/nf-ndis-ndisderegisterprotocol
 */
export const NdisDeregisterProtocol = declareFunction('ndis', {
  prototype: 'VOID NdisDeregisterProtocol(PNDIS_STATUS Status, NDIS_HANDLE NdisProtocolHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: legacyPage('NdisDeregisterProtocol'),
  implement: (ndis: NdisLibrary, driver) => {
    const deregister = NdisDeregisterProtocolDriver.implement(ndis, driver);
    return async (Status: OutPointer, NdisProtocolHandle: Handle): Promise<void> => {
      await deregister(NdisProtocolHandle);
      ndis.memory.u32[Status >> 2] = NDIS_STATUS_SUCCESS;
    };
  },
});
