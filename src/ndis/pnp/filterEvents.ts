/**
 * How filter drivers pass events on: network events up, device events down.
 * Implements nf-ndis-ndisfnetpnpevent and nf-ndis-ndisfdevicepnpeventnotify.
 */

import { declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import { NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATUS_FAILURE } from '../generated/constants/index.ts';
import { NET_DEVICE_PNP_EVENT, NET_PNP_EVENT_NOTIFICATION } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { describe } from '../oid/requestQueue.ts';
import { oidRequestsOf } from '../oid/requestRecord.ts';
import { passDeviceEvent } from './devicePnPEvents.ts';
import { eventFrom, propagateEvent } from './netPnPEvents.ts';

const NET_PAGE = 'ndis/nf-ndis-ndisfnetpnpevent';
const DEVICE_PAGE = 'ndis/nf-ndis-ndisfdevicepnpeventnotify';

const netRule: HeaderRule = {
  structure: 'NET_PNP_EVENT_NOTIFICATION',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [{ revision: 1, size: NET_PNP_EVENT_NOTIFICATION.offset.SwitchId, minorVersion: 0 }],
  page: NET_PAGE,
};

const deviceRule: HeaderRule = {
  structure: 'NET_DEVICE_PNP_EVENT',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [{ revision: 1, size: NET_DEVICE_PNP_EVENT.offset.NdisReserved + 16, minorVersion: 0 }],
  page: DEVICE_PAGE,
};

/**
 * NdisFNetPnPEvent: passes a network event on to the drivers above a module, from FilterNetPnPEvent; waits until they
 * are done with it. Not from FilterOidRequest, which is a finding. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or for a query NDIS_STATUS_FAILURE or what else refused it; NDIS_STATUS_FAILURE for a
 * wrong handle or notification. Source: ndis/nf-ndis-ndisfnetpnpevent.
 */
export const NdisFNetPnPEvent = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisFNetPnPEvent(NDIS_HANDLE NdisFilterHandle, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: NET_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisFilterHandle: Handle,
      NetPnPEventNotification: Pointer<NET_PNP_EVENT_NOTIFICATION>,
    ): number | Promise<number> => {
      const call = 'NdisFNetPnPEvent';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, NET_PAGE);
      if (module === null || checkHeader(ndis, driver, call, NetPnPEventNotification, netRule) === null)
        return NDIS_STATUS_FAILURE;
      const { active } = oidRequestsOf(ndis).at(module);
      if (active?.inHandler === true) {
        ndis.kernel.report(
          'PNP_EVENT_DURING_OID_REQUEST',
          driver,
          `${call} was called while FilterOidRequest has ${describe(ndis, active)}, which can end in a deadlock`,
          NET_PAGE,
        );
      }
      const event = eventFrom(module, NetPnPEventNotification);
      return ndis.kernel.scheduler.execute(propagateEvent, ndis, event);
    },
});

/**
 * NdisFDevicePnPEventNotify: passes a device event on to the drivers below a module, from FilterDevicePnPEventNotify;
 * returns when they have it. A wrong handle or event is a finding or a note and goes nowhere. IRQL PASSIVE_LEVEL.
 * Source: ndis/nf-ndis-ndisfdevicepnpeventnotify.
 */
export const NdisFDevicePnPEventNotify = declareFunction('ndis', {
  prototype:
    'VOID NdisFDevicePnPEventNotify(NDIS_HANDLE NdisFilterHandle, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: DEVICE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (NdisFilterHandle: Handle, NetDevicePnPEvent: Pointer<NET_DEVICE_PNP_EVENT>): Promise<void> => {
      const call = 'NdisFDevicePnPEventNotify';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, DEVICE_PAGE);
      if (module === null || checkHeader(ndis, driver, call, NetDevicePnPEvent, deviceRule) === null) return;
      await ndis.kernel.scheduler.execute(passDeviceEvent, ndis, {
        adapter: module.adapter.handle,
        from: module.handle,
        notification: NetDevicePnPEvent,
      });
    },
});
