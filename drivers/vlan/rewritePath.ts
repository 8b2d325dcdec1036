/**
 * The handlers of vlan with the parameter `Rewrite`. NDIS lets a filter driver change the data of what passes, as long as
 * it undoes that on the way back; rewriteLists.ts makes copies of what others read too: lists and data that are flagged
 * as read-only, data of clones, loopback frames, and receives in shared memory.
 * Implements "Sending Data from a Filter Driver" and "Receiving Data in a Filter Driver" (network).
 */

import {
  type Address,
  type DriverImports,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_NBL_FLAGS_RECV_READ_ONLY,
  NDIS_NBL_FLAGS_SEND_READ_ONLY,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_PAUSED,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { Chain } from './chain.ts';
import type { RewriteIds } from './rewriteIds.ts';
import { RewriteLists, WRITE_ALL, WRITE_INFORMATION, WRITE_NOTHING, type Writable } from './rewriteLists.ts';
import type { RewriteModule } from './rewriteModule.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_PARENT = NET_BUFFER_LIST.offset.ParentNetBufferList;
const NBL_FLAGS = NET_BUFFER_LIST.offset.NblFlags;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;

/** The data handlers of modules that rewrite `ids`. */
export function rewriteHandlers(imports: DriverImports, ids: RewriteIds) {
  const rewriter = new RewriteLists(imports);
  return { ...sendHandlers(imports, rewriter, ids.down), ...receiveHandlers(imports, rewriter, ids.up) };
}

/** Undoes a chain that came back; the lists of the owners, and how many of them had copies. */
function undoChain(imports: DriverImports, rewriter: RewriteLists, module: RewriteModule, lists: Address) {
  const { memory } = imports;
  const owned = new Chain(memory);
  let copies = 0;
  let next: Address;
  for (let list = lists; list !== 0; list = next) {
    next = memory.i32[(list + NBL_NEXT) >> 2];
    const original = rewriter.undo(module, list);
    if (original !== list) copies++;
    owned.add(original);
  }
  return { first: owned.first, copies };
}

function sendHandlers(imports: DriverImports, rewriter: RewriteLists, ids: Uint16Array) {
  const { ndis, memory } = imports;
  const { i32, u32 } = memory;
  const writableOf = (list: Address): Writable => {
    if ((u32[(list + NBL_FLAGS) >> 2] & NDIS_NBL_FLAGS_SEND_READ_ONLY) !== 0) return WRITE_NOTHING;
    return i32[(list + NBL_PARENT) >> 2] === 0 ? WRITE_ALL : WRITE_INFORMATION;
  };
  return {
    SendNetBufferListsHandler: (module: RewriteModule, lists: Address, port: number, flags: number) => {
      const [good, refused] = [new Chain(memory), new Chain(memory)];
      let next: Address;
      for (let list = lists; list !== 0; list = next) {
        next = i32[(list + NBL_NEXT) >> 2];
        const sent = module.running ? rewriter.rewrite(module, list, ids, writableOf(list), true) : 0;
        if (sent !== 0) good.add(sent);
        else {
          u32[(list + NBL_STATUS) >> 2] = module.running ? rewriter.refusal : NDIS_STATUS_PAUSED;
          refused.add(list);
        }
      }
      if (refused.count > 0) {
        const atDispatch = (flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL) !== 0;
        const completion = atDispatch ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0;
        ndis.NdisFSendNetBufferListsComplete(module.handle, refused.first, completion);
      }
      if (good.count > 0) ndis.NdisFSendNetBufferLists(module.handle, good.first, port, flags);
    },
    SendNetBufferListsCompleteHandler: (module: RewriteModule, lists: Address, flags: number) => {
      const { first, copies } = undoChain(imports, rewriter, module, lists);
      ndis.NdisFSendNetBufferListsComplete(module.handle, first, flags);
      module.giveCopies(copies);
    },
  };
}

function receiveHandlers(imports: DriverImports, rewriter: RewriteLists, ids: Uint16Array) {
  const { ndis, memory } = imports;
  const { i32, u32 } = memory;
  const writableOf = (list: Address, flags: number): Writable => {
    const listFlags = u32[(list + NBL_FLAGS) >> 2];
    if ((listFlags & NDIS_NBL_FLAGS_RECV_READ_ONLY) !== 0) return WRITE_NOTHING;
    const isShared =
      i32[(list + NBL_PARENT) >> 2] !== 0 ||
      (listFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET) !== 0 ||
      (flags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) !== 0;
    return isShared ? WRITE_INFORMATION : WRITE_ALL;
  };

  /** Lends each list to the drivers above and undoes what was done to it: they are the miniport driver's again then. */
  const lend = (module: RewriteModule, lists: Address, port: number, flags: number): void => {
    let next: Address;
    for (let list = lists; list !== 0; list = next) {
      next = i32[(list + NBL_NEXT) >> 2];
      const given = rewriter.rewrite(module, list, ids, writableOf(list, flags), false);
      if (given === 0) continue;
      memory.writePointer(given + NBL_NEXT, 0);
      ndis.NdisFIndicateReceiveNetBufferLists(module.handle, given, port, 1, flags);
      rewriter.undo(module, given);
      memory.writePointer(list + NBL_NEXT, next);
      if (given !== list) module.giveCopies(1);
    }
  };

  return {
    ReceiveNetBufferListsHandler: (
      module: RewriteModule,
      lists: Address,
      port: number,
      _count: number,
      flags: number,
    ) => {
      if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) {
        if (module.running) lend(module, lists, port, flags);
        return;
      }
      const [good, refused] = [new Chain(memory), new Chain(memory)];
      let next: Address;
      for (let list = lists; list !== 0; list = next) {
        next = i32[(list + NBL_NEXT) >> 2];
        const given = module.running
          ? rewriter.rewrite(module, list, ids, writableOf(list, flags), false)
          : 0;
        if (given !== 0) good.add(given);
        else refused.add(list);
      }
      if (refused.count > 0) {
        const atDispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
        const returned = atDispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0;
        ndis.NdisFReturnNetBufferLists(module.handle, refused.first, returned);
      }
      if (good.count > 0)
        ndis.NdisFIndicateReceiveNetBufferLists(module.handle, good.first, port, good.count, flags);
    },
    ReturnNetBufferListsHandler: (module: RewriteModule, lists: Address, flags: number) => {
      const { first, copies } = undoChain(imports, rewriter, module, lists);
      ndis.NdisFReturnNetBufferLists(module.handle, first, flags);
      module.giveCopies(copies);
    },
  };
}
