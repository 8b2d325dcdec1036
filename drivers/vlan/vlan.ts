/**
 * vlan: a modifying filter driver that makes an adapter a port of one VLAN. What goes down gets its tag, in the frame;
 * what comes up with that tag, in the frame or in the information of the list, loses it; the frames of other VLANs and
 * untagged ones go back to the miniport driver. Senders that name another VLAN get their lists back with
 * NDIS_STATUS_INVALID_PACKET. Parameters: `VlanId` (1 to 4094, default 1), `Priority` (0 to 7, of frames that name none).
 * With the parameter `Rewrite` (`10:20,30:40`, see rewriteIds.ts) it is another filter instead, for which the two above
 * mean nothing: tags stay where they are, frames sent with VLAN id 10 go out with 20, frames received with 20 come up
 * with 10, in the frame or in the information of the list; priorities stay, and everything else passes as it is. A text
 * that breaks the rules, has more than 255 characters or is no text fails DriverEntry with STATUS_INVALID_PARAMETER; a
 * blank one is none.
 * Implements "Modifying Send and Receive Data in Filter Modules" (network) and IEEE 802.1Q.
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { DriverParameters } from '../support/parameters.ts';
import { Chain } from './chain.ts';
import { parseRewrite } from './rewriteIds.ts';
import { RewriteModule } from './rewriteModule.ts';
import { rewriteHandlers } from './rewritePath.ts';
import { VlanLists } from './vlanLists.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;

const PARAMETERS = ['VlanId', 'Priority', 'Rewrite'];
const REWRITE_RULES =
  'Rewrite takes pairs of VLAN ids such as 10:20,30:40: numbers from 1 to 4094, none twice on one side, at most 16 pairs and 255 characters';

/** A module: its FilterModuleContext. */
interface VlanModule {
  readonly handle: Address;
}

/** The driver. */
export const vlan = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const filter = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, PARAMETERS);
      const handlers = handlersFor(imports, parameters);
      if (handlers === null) {
        imports.note(REWRITE_RULES);
        return STATUS_INVALID_PARAMETER;
      }
      DriverObject.DriverUnload = () => ndis.NdisFDeregisterFilterDriver(filter.value);
      return ndis.NdisFRegisterFilterDriver(
        DriverObject,
        null,
        { ...characteristics(imports, parameters.serviceName), ...handlers },
        filter,
      );
    },
  };
});

/** The handlers that the parameters ask for; null where `Rewrite` makes no sense. */
function handlersFor(imports: DriverImports, parameters: DriverParameters) {
  const rewrite = parameters.text('Rewrite', '');
  if (parameters.isUnreadable('Rewrite')) return null;
  if (/^ *$/.test(rewrite)) {
    const vlanId = parameters.number('VlanId', 1, 1, 4094);
    const lists = new VlanLists(imports, vlanId, parameters.number('Priority', 0, 0, 7));
    return { ...portHandlers(imports), ...dataHandlers(imports, lists) };
  }
  const ids = parseRewrite(rewrite);
  return ids === null ? null : { ...rewriteModuleHandlers(imports), ...rewriteHandlers(imports, ids) };
}

/** The handlers for modules of a port, which have no state. */
function portHandlers(imports: DriverImports) {
  return {
    AttachHandler: (handle: Address) => setAttributes(imports, handle, { handle } satisfies VlanModule),
    DetachHandler: () => {},
    // It passes everything on at once, so there is nothing to wait for.
    PauseHandler: () => NDIS_STATUS_SUCCESS,
    RestartHandler: () => NDIS_STATUS_SUCCESS,
  };
}

function rewriteModuleHandlers(imports: DriverImports) {
  return {
    AttachHandler: (handle: Address) => {
      const module = RewriteModule.create(imports, handle);
      if (module === null) return NDIS_STATUS_RESOURCES;
      const status = setAttributes(imports, handle, module);
      if (status !== NDIS_STATUS_SUCCESS) module.destroy();
      return status;
    },
    DetachHandler: (module: RewriteModule) => module.destroy(),
    PauseHandler: (module: RewriteModule) => module.pause(),
    RestartHandler: (module: RewriteModule) => module.restart(),
  };
}

function setAttributes({ ndis }: DriverImports, handle: Address, context: VlanModule): number {
  return ndis.NdisFSetAttributes(handle, context, {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
      Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
      Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
    },
  });
}

function dataHandlers({ ndis, memory }: DriverImports, vlans: VlanLists) {
  const { i32, u32 } = memory;

  /** Lends each list to the drivers above and undoes what was done to it: they are the miniport driver's again then. */
  const lend = (module: VlanModule, lists: Address, port: number, flags: number): void => {
    let next: Address;
    for (let list = lists; list !== 0; list = next) {
      next = i32[(list + NBL_NEXT) >> 2];
      if (!vlans.untag(list)) continue;
      memory.writePointer(list + NBL_NEXT, 0);
      ndis.NdisFIndicateReceiveNetBufferLists(module.handle, list, port, 1, flags);
      vlans.restore(list);
      memory.writePointer(list + NBL_NEXT, next);
    }
  };

  return {
    SendNetBufferListsHandler: (module: VlanModule, lists: Address, port: number, flags: number) => {
      const [good, refused] = [new Chain(memory), new Chain(memory)];
      let next: Address;
      for (let list = lists; list !== 0; list = next) {
        next = i32[(list + NBL_NEXT) >> 2];
        const status = vlans.tag(list);
        if (status !== NDIS_STATUS_SUCCESS) u32[(list + NBL_STATUS) >> 2] = status;
        (status === NDIS_STATUS_SUCCESS ? good : refused).add(list);
      }
      if (refused.count > 0) {
        const atDispatch = (flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL) !== 0;
        const completion = atDispatch ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0;
        ndis.NdisFSendNetBufferListsComplete(module.handle, refused.first, completion);
      }
      if (good.count > 0) ndis.NdisFSendNetBufferLists(module.handle, good.first, port, flags);
    },
    SendNetBufferListsCompleteHandler: (module: VlanModule, lists: Address, flags: number) => {
      for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) vlans.restore(list);
      ndis.NdisFSendNetBufferListsComplete(module.handle, lists, flags);
    },
    ReceiveNetBufferListsHandler: (
      module: VlanModule,
      lists: Address,
      port: number,
      _count: number,
      flags: number,
    ) => {
      if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) return lend(module, lists, port, flags);
      const [own, others] = [new Chain(memory), new Chain(memory)];
      let next: Address;
      for (let list = lists; list !== 0; list = next) {
        next = i32[(list + NBL_NEXT) >> 2];
        (vlans.untag(list) ? own : others).add(list);
      }
      if (others.count > 0) {
        const atDispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
        const returned = atDispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0;
        ndis.NdisFReturnNetBufferLists(module.handle, others.first, returned);
      }
      if (own.count > 0)
        ndis.NdisFIndicateReceiveNetBufferLists(module.handle, own.first, port, own.count, flags);
    },
    ReturnNetBufferListsHandler: (module: VlanModule, lists: Address, flags: number) => {
      for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) vlans.restore(list);
      ndis.NdisFReturnNetBufferLists(module.handle, lists, flags);
    },
  };
}

function characteristics({ ndis }: DriverImports, ServiceName: string) {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
      Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    FriendlyName: 'ndisbox VLAN filter',
    UniqueName: '{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A03}',
    ServiceName,
    // Who has receive handlers has to have this one.
    StatusHandler: (module: VlanModule, indication: NDIS_STATUS_INDICATION) =>
      ndis.NdisFIndicateStatus(module.handle, indication),
  };
}
