/**
 * Log files of miniport drivers: a circular buffer that a program of the driver's reads.
 * Implements NdisMCreateLog, NdisMWriteLogData, NdisMFlushLog and NdisMCloseLog (ndis).
 */

import { type Driver, type Handle, type OutPointer, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_BUFFER_OVERFLOW,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';

const CREATE_PAGE = 'ndis/nf-ndis-ndismcreatelog';
const WRITE_PAGE = 'ndis/nf-ndis-ndismwritelogdata';
const FLUSH_PAGE = 'ndis/nf-ndis-ndismflushlog';
const CLOSE_PAGE = 'ndis/nf-ndis-ndismcloselog';
/** `NdLg` */
const LOG_TAG = 0x674c_644e;

/** What stands behind a log handle: bytes that were written and not taken yet, the oldest overwritten first. */
export class MiniportLog extends NdisObject {
  readonly adapter: MiniportAdapter;
  readonly buffer: Address;
  readonly size: number;
  /** Offset of the oldest byte. */
  start = 0;
  /** Bytes kept. */
  length = 0;

  constructor(adapter: MiniportAdapter, buffer: Address, size: number) {
    super();
    this.adapter = adapter;
    this.buffer = buffer;
    this.size = size;
  }
}

const logsOf = perNdis('miniportLogs', () => new Map<MiniportAdapter, MiniportLog>());

/** What IOCTL_NDIS_GET_LOG_DATA gives a program: the bytes that an adapter logged, oldest first, which are gone then. */
export function takeLogData(ndis: NdisLibrary, adapter: MiniportAdapter): Uint8Array {
  const log = logsOf(ndis).get(adapter);
  if (log === undefined) return new Uint8Array(0);
  const { u8 } = ndis.memory;
  const bytes = Uint8Array.from(
    { length: log.length },
    (_, i) => u8[log.buffer + ((log.start + i) % log.size)],
  );
  log.start = 0;
  log.length = 0;
  return bytes;
}

function release(ndis: NdisLibrary, log: MiniportLog): void {
  logsOf(ndis).delete(log.adapter);
  ndis.unregister(log);
  poolOf(ndis.kernel).free(log.buffer, LOG_TAG);
}

function create(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  size: number,
  output: Address,
): number {
  const logs = logsOf(ndis);
  if (logs.has(adapter) || size === 0) return NDIS_STATUS_FAILURE;
  const buffer = poolOf(ndis.kernel).allocate(poolType.nonPagedNx, size, LOG_TAG, 0);
  if (buffer === 0) return NDIS_STATUS_RESOURCES;
  const log = new MiniportLog(adapter, buffer, size);
  logs.set(adapter, log);
  ndis.memory.writePointer(output, ndis.register(log));
  driver.own(`miniport log ${log.handle}`, {
    kind: 'log',
    name: adapter.name,
    releasedBy: 'NdisMCloseLog',
    release: () => release(ndis, log),
  });
  return NDIS_STATUS_SUCCESS;
}

/**
 * Makes the log of an adapter, `Size` bytes. @returns NDIS_STATUS_FAILURE where the adapter has one already, the
 * handle is wrong or the size is 0; NDIS_STATUS_RESOURCES when memory is short. PASSIVE_LEVEL. ndis/nf-ndis-ndismcreatelog
 */
export const NdisMCreateLog = synchronous(
  'NDIS_STATUS NdisMCreateLog(NDIS_HANDLE MiniportAdapterHandle, UINT Size, PNDIS_HANDLE LogHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  CREATE_PAGE,
  (ndis, driver) =>
    (MiniportAdapterHandle: Handle, Size: number, LogHandle: OutPointer): number => {
      const adapter = ndis.expect(
        MiniportAdapterHandle,
        MiniportAdapter,
        driver,
        'NdisMCreateLog',
        CREATE_PAGE,
      );
      return adapter === null ? NDIS_STATUS_FAILURE : create(ndis, driver, adapter, Size >>> 0, LogHandle);
    },
);

/**
 * Appends bytes to a log; the oldest give way. @returns NDIS_STATUS_BUFFER_OVERFLOW for more bytes than the log has.
 * IRQL <= DISPATCH_LEVEL, no spin lock held (else a finding). ndis/nf-ndis-ndismwritelogdata
 */
export const NdisMWriteLogData = synchronous(
  'NDIS_STATUS NdisMWriteLogData(NDIS_HANDLE LogHandle, PVOID LogBuffer, UINT LogBufferSize)',
  '<=DISPATCH_LEVEL',
  '5.1',
  WRITE_PAGE,
  (ndis, driver) =>
    (LogHandle: Handle, LogBuffer: Address, LogBufferSize: number): number => {
      const { u8 } = ndis.memory;
      checkNoSpinLock(ndis, driver, 'NdisMWriteLogData', WRITE_PAGE);
      const log = ndis.expect(LogHandle, MiniportLog, driver, 'NdisMWriteLogData', WRITE_PAGE);
      if (log === null) return NDIS_STATUS_FAILURE;
      const size = LogBufferSize >>> 0;
      if (size > log.size) return NDIS_STATUS_BUFFER_OVERFLOW;
      for (let i = 0; i < size; i++)
        u8[log.buffer + ((log.start + log.length + i) % log.size)] = u8[LogBuffer + i];
      const lost = Math.max(0, log.length + size - log.size);
      log.start = (log.start + lost) % log.size;
      log.length += size - lost;
      return NDIS_STATUS_SUCCESS;
    },
);

function checkNoSpinLock(ndis: NdisLibrary, driver: Driver, call: string, page: string): void {
  const { kernel } = ndis;
  if (kernel.scheduler.processor.spinLocksHeld === 0) return;
  kernel.report('SPIN_LOCK_HELD', driver, `${call} was called with a spin lock held; release it first`, page);
}

/** Empties a log. IRQL <= DISPATCH_LEVEL, no spin lock held (else a finding). ndis/nf-ndis-ndismflushlog */
export const NdisMFlushLog = synchronous(
  'VOID NdisMFlushLog(NDIS_HANDLE LogHandle)',
  '<=DISPATCH_LEVEL',
  '5.1',
  FLUSH_PAGE,
  (ndis, driver) =>
    (LogHandle: Handle): void => {
      checkNoSpinLock(ndis, driver, 'NdisMFlushLog', FLUSH_PAGE);
      const log = ndis.expect(LogHandle, MiniportLog, driver, 'NdisMFlushLog', FLUSH_PAGE);
      if (log === null) return;
      log.start = 0;
      log.length = 0;
    },
);

/** Frees a log. PASSIVE_LEVEL. ndis/nf-ndis-ndismcloselog */
export const NdisMCloseLog = synchronous(
  'VOID NdisMCloseLog(NDIS_HANDLE LogHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  CLOSE_PAGE,
  (ndis, driver) =>
    (LogHandle: Handle): void => {
      const log = ndis.expect(LogHandle, MiniportLog, driver, 'NdisMCloseLog', CLOSE_PAGE);
      if (log === null) return;
      driver.disown(`miniport log ${LogHandle}`);
      release(ndis, log);
    },
);
