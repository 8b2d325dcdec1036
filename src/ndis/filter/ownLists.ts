/**
 * Telling lists that a module originated, whose SourceHandle is its handle, from those of others, where a driver got
 * that wrong. Implements nf-ndis-ndisfsendnetbufferlists and nf-ndis-ndisfindicatereceivenetbufferlists, remarks.
 */

import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../netBuffer/offsets.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { FilterModule } from './filterModule.ts';

function isSource(ndis: NdisLibrary, handle: Address): boolean {
  const object = ndis.memory.objects.valueAt(handle);
  return object instanceof Binding || object instanceof FilterModule || object instanceof MiniportAdapter;
}

function pageOf(call: string): string {
  return `ndis/nf-ndis-${call.toLowerCase()}`;
}

/**
 * A module passes `excess` lists on more than it has: those with a SourceHandle that is nobody's must be its own, and get
 * its handle; the others are counted as given to it, so that they are not lost. Returns how many were made its own.
 */
export function ownForeign(
  ndis: NdisLibrary,
  module: FilterModule,
  lists: Address,
  excess: number,
  call: string,
): number {
  const { i32 } = ndis.memory;
  let owned = 0;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    if (isSource(ndis, i32[(list + NBL_SOURCE_HANDLE) >> 2])) continue;
    ndis.memory.writePointer(list + NBL_SOURCE_HANDLE, module.handle);
    owned++;
  }
  if (owned > 0) {
    ndis.kernel.report(
      'SOURCE_HANDLE_NOT_SET',
      module.filter.driver,
      `${call}: ${owned} lists that ${module.label} originates have another SourceHandle than its NdisFilterHandle`,
      pageOf(call),
    );
  }
  const strange = excess - owned;
  if (strange > 0) {
    if (call === 'NdisFSendNetBufferLists') module.sendsHeld += strange;
    else module.receivesHeld += strange;
    ndis.kernel.report(
      'LISTS_NOT_HELD',
      module.filter.driver,
      `${call}: ${module.label} passes on ${strange} lists more than it was given; each may be passed on once`,
      pageOf(call),
    );
  }
  return owned;
}

/** Takes the lists of the module's own out of a chain that it gives back to others. Returns what is left, 0 for nothing. */
export function takeOut(ndis: NdisLibrary, module: FilterModule, lists: Address, call: string): Address {
  const { memory } = ndis;
  let head = 0;
  let tail = 0;
  for (let list = lists; list !== 0; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    if (memory.readPointer(list + NBL_SOURCE_HANDLE) === module.handle) {
      memory.writePointer(list + NBL_NEXT, 0);
    } else {
      if (head === 0) head = list;
      else memory.writePointer(tail + NBL_NEXT, list);
      tail = list;
    }
    list = next;
  }
  if (tail !== 0) memory.writePointer(tail + NBL_NEXT, 0);
  ndis.kernel.report(
    'OWN_LISTS_PASSED_ON',
    module.filter.driver,
    `${call}: ${module.label} originated some of the lists itself; those stay with it`,
    pageOf(call),
  );
  return head;
}

/** A module uses a function whose completion it could not get. */
export function reportHandlerMissing(
  ndis: NdisLibrary,
  module: FilterModule,
  call: string,
  role: string,
): void {
  ndis.kernel.report(
    'HANDLER_MISSING',
    module.filter.driver,
    `${call} was called for ${module.label}, which has no ${role} function; its own lists are not passed on`,
    pageOf(call),
  );
}
