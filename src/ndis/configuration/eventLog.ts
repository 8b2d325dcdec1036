/**
 * What drivers write to the system's event log; kept for the host and noted in the trace.
 * Implements NdisWriteErrorLogEntry and NdisWriteEventLogEntry (ndis).
 */

import {
  ERROR_LOG_MAXIMUM_SIZE,
  type Handle,
  hexadecimal,
  IO_ERROR_LOG_PACKET,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, poolType, readTerminatedUtf16 } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_MAX_EVENT_LOG_DATA_SIZE,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NdisObject, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';

const ERROR_PAGE = 'ndis/nf-ndis-ndiswriteerrorlogentry';
const EVENT_PAGE = 'ndis/nf-ndis-ndiswriteeventlogentry';
/** `NdEv` */
const EVENT_TAG = 0x7645_644e;
/** ULONGs that fit into the record of an error. */
const ERROR_VALUE_LIMIT = (ERROR_LOG_MAXIMUM_SIZE - IO_ERROR_LOG_PACKET.size) >> 2;
/** Entries kept; then the oldest goes. */
export const EVENT_LOG_LIMIT = 1024;

/** One entry. */
export interface EventLogEntry {
  readonly driver: string;
  /** Name of the adapter, empty for an entry of a protocol driver. */
  readonly adapter: string;
  /** NDIS_ERROR_CODE or the event's code. */
  readonly code: number;
  /** UniqueEventValue; 0 for an error. */
  readonly uniqueValue: number;
  readonly strings: readonly string[];
  /** Values of an error, four bytes each; the data of an event, padded to ULONGs. */
  readonly data: Uint8Array;
  /** Machine time in units of 100 ns. */
  readonly time: number;
}

/** The event log of a machine. */
export class EventLog {
  readonly entries: EventLogEntry[] = [];
  /** Entries that gave way to later ones. */
  dropped = 0;

  add(entry: EventLogEntry): void {
    if (this.entries.length >= EVENT_LOG_LIMIT) {
      this.entries.shift();
      this.dropped++;
    }
    this.entries.push(entry);
  }
}

/** The event log of a library. */
export const eventLogOf = perNdis('eventLog', () => new EventLog());

/**
 * Logs an error of an adapter with up to 48 values; more are cut off and a finding. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndiswriteerrorlogentry
 */
export const NdisWriteErrorLogEntry = synchronous(
  'VOID NdisWriteErrorLogEntry(NDIS_HANDLE NdisAdapterHandle, NDIS_ERROR_CODE ErrorCode, ULONG NumberOfErrorValues, ...)',
  '<=DISPATCH_LEVEL',
  '5.1',
  ERROR_PAGE,
  (ndis, driver) =>
    (
      NdisAdapterHandle: Handle,
      ErrorCode: number,
      NumberOfErrorValues: number,
      ...values: number[]
    ): void => {
      const { kernel } = ndis;
      const call = 'NdisWriteErrorLogEntry';
      const owner = ndis.expect(NdisAdapterHandle, NdisObject, driver, call, ERROR_PAGE);
      if (owner === null) return;
      const given = Math.min(NumberOfErrorValues >>> 0, values.length);
      if (NumberOfErrorValues >>> 0 > ERROR_VALUE_LIMIT || given < NumberOfErrorValues >>> 0) {
        kernel.report(
          'BAD_ERROR_LOG_ENTRY',
          driver,
          `${call}: NumberOfErrorValues is ${NumberOfErrorValues >>> 0}, ${values.length} values were given, and a record holds ${ERROR_VALUE_LIMIT}`,
          ERROR_PAGE,
        );
      }
      const kept = values.slice(0, Math.min(given, ERROR_VALUE_LIMIT));
      const adapter = owner instanceof MiniportAdapter ? owner.name : '';
      const code = ErrorCode >>> 0;
      const data = new Uint8Array(Uint32Array.from(kept).buffer);
      const common = { driver: driver.name, adapter, code, uniqueValue: 0, strings: [], data };
      eventLogOf(ndis).add({ ...common, time: kernel.clock.now });
      kernel.note(call, `${driver.name} ${adapter}: ${hexadecimal(code)} ${kept.map(hexadecimal).join(' ')}`);
    },
);

/**
 * Logs an event of a protocol driver, with texts and data.
 * @returns NDIS_STATUS_BUFFER_TOO_SHORT where the texts (with their zeros) and the data (padded to ULONGs) pass
 * NDIS_MAX_EVENT_LOG_DATA_SIZE bytes; NDIS_STATUS_RESOURCES when memory is short. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndiswriteeventlogentry
 */
export const NdisWriteEventLogEntry = synchronous(
  'NDIS_STATUS NdisWriteEventLogEntry(PVOID LogHandle, NDIS_STATUS EventCode, ULONG UniqueEventValue, USHORT NumStrings, PVOID StringsList, ULONG DataSize, PVOID Data)',
  '<=DISPATCH_LEVEL',
  '5.1',
  EVENT_PAGE,
  (ndis, driver) =>
    (
      _LogHandle: Address,
      EventCode: number,
      UniqueEventValue: number,
      NumStrings: number,
      StringsList: Address,
      DataSize: number,
      Data: Address,
    ): number => {
      const { kernel, memory } = ndis;
      const dataSize = Data === 0 ? 0 : DataSize >>> 0;
      const count = StringsList === 0 ? 0 : NumStrings & 0xffff;
      const strings: string[] = [];
      let size = (dataSize + 3) & ~3;
      // A text has at least its zero, so this ends soon whatever the count says.
      for (let i = 0; i < count && size <= NDIS_MAX_EVENT_LOG_DATA_SIZE; i++) {
        const text = readTerminatedUtf16(memory, memory.readPointer(StringsList + i * 8));
        size += text.length * 2 + 2;
        strings.push(text);
      }
      if (dataSize > NDIS_MAX_EVENT_LOG_DATA_SIZE || size > NDIS_MAX_EVENT_LOG_DATA_SIZE)
        return NDIS_STATUS_BUFFER_TOO_SHORT;
      const record = poolOf(kernel).allocate(
        poolType.nonPagedNx,
        IO_ERROR_LOG_PACKET.size + size,
        EVENT_TAG,
        0,
      );
      if (record === 0) return NDIS_STATUS_RESOURCES;
      poolOf(kernel).free(record, EVENT_TAG);
      const data = new Uint8Array((dataSize + 3) & ~3);
      data.set(memory.u8.subarray(Data, Data + dataSize));
      const code = EventCode >>> 0;
      const common = {
        driver: driver.name,
        adapter: '',
        code,
        uniqueValue: UniqueEventValue >>> 0,
        strings,
        data,
      };
      eventLogOf(ndis).add({ ...common, time: kernel.clock.now });
      kernel.note('NdisWriteEventLogEntry', `${driver.name}: ${hexadecimal(code)} ${strings.join(' ')}`);
      return NDIS_STATUS_SUCCESS;
    },
);
