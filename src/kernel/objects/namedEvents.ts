/**
 * Events with a name, which drivers and programs share: IoCreateNotificationEvent, IoCreateSynchronizationEvent (wdm.h).
 */

import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import type { OutPointer, TextPointer } from '../edge.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { synchronous } from '../sync/declare.ts';
import { initializeEvent } from '../sync/event.ts';
import { handlesOf, writeHandle } from './handleTable.ts';
import { type KernelObject, objectsOf } from './objectManager.ts';

/** `Even` */
const TAG = 0x6e65_7645;
const KEVENT_SIZE = 24;
const EVENT_ALL_ACCESS = 0x001f_0003;

/** Events by their name in lower case, as long as something refers to them. */
const namedEventsOf = perKernel('named events', (kernel) => {
  const events = new Map<string, KernelObject>();
  objectsOf(kernel).defineType('Event', {
    removed: (_kernel, object) => {
      events.delete(object.name.toLowerCase());
      poolOf(kernel).free(object.address, TAG);
    },
  });
  return events;
});

/** The event of that name with one reference for the caller; null when memory is short. */
function openEvent(kernel: Kernel, name: string, synchronization: boolean): KernelObject | null {
  const events = namedEventsOf(kernel);
  const known = events.get(name.toLowerCase());
  if (known !== undefined) {
    objectsOf(kernel).reference(known);
    return known;
  }
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, KEVENT_SIZE, TAG, 0);
  if (address === 0) return null;
  initializeEvent(kernel, address, synchronization, true);
  const event = objectsOf(kernel).create('Event', name, null, address);
  events.set(name.toLowerCase(), event);
  return event;
}

function declareCreate(name: string, synchronization: boolean) {
  return synchronous(
    `PKEVENT ${name}(PUNICODE_STRING EventName, PHANDLE EventHandle)`,
    'PASSIVE_LEVEL',
    '2000',
    `wdm/nf-wdm-${name.toLowerCase()}`,
    (kernel, driver) =>
      (EventName: TextPointer, EventHandle: OutPointer): Address => {
        const event = openEvent(kernel, readUnicodeString(kernel.memory, EventName), synchronization);
        if (event === null) return 0;
        const handle = handlesOf(kernel).open(event, EVENT_ALL_ACCESS, { driver, kernelHandle: true });
        // The handle has a reference of its own; without one the event goes again.
        objectsOf(kernel).dereference(event);
        if (handle === null) return 0;
        writeHandle(kernel.memory, EventHandle, handle);
        return event.address;
      },
  );
}

/**
 * Opens the notification event of a name, or makes it, signaled. The event lives until its last handle is closed.
 * @returns the event, or NULL when no handle or memory is left. PASSIVE_LEVEL. wdm/nf-wdm-iocreatenotificationevent
 */
export const IoCreateNotificationEvent = declareCreate('IoCreateNotificationEvent', false);
/** The same for a synchronization event. wdm/nf-wdm-iocreatesynchronizationevent */
export const IoCreateSynchronizationEvent = declareCreate('IoCreateSynchronizationEvent', true);
