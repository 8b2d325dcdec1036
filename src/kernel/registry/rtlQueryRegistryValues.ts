/**
 * RtlQueryRegistryValues: a table of queries, answered to the driver's QueryRoutine or straight into its memory.
 * Implements wdm/nf-wdm-rtlqueryregistryvalues and wdm/nc-wdm-rtl_query_registry_routine.
 */

import { type Address, poolType, readTerminatedUtf16, writeUtf16 } from '../../memory/index.ts';
import { declareCallback, declareFunction } from '../declaration.ts';
import type { Context, OutPointer } from '../edge.ts';
import {
  REG_EXPAND_SZ,
  REG_LINK,
  REG_MULTI_SZ,
  REG_NONE,
  REG_SZ,
  RTL_QUERY_REGISTRY_DELETE,
  RTL_QUERY_REGISTRY_DIRECT,
  RTL_QUERY_REGISTRY_NOEXPAND,
  RTL_QUERY_REGISTRY_NOVALUE,
  RTL_QUERY_REGISTRY_REQUIRED,
  RTL_QUERY_REGISTRY_SUBKEY,
  RTL_QUERY_REGISTRY_TOPKEY,
  RTL_QUERY_REGISTRY_TYPECHECK,
  RTL_REGISTRY_OPTIONAL,
} from '../generated/constants/common.ts';
import {
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { procedure } from '../procedure.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { foldName, type RegistryKey } from './key.ts';
import { registryOf } from './registry.ts';
import { keyOfPlace, type WideText } from './rtlRegistry.ts';
import { multiStrings, utf16Bytes } from './valueData.ts';

/** A driver's routine for one value. Any error ends the query, except STATUS_BUFFER_TOO_SMALL. */
export type RTL_QUERY_REGISTRY_ROUTINE = (
  ValueName: Address,
  ValueType: number,
  ValueData: Address,
  ValueLength: number,
  Context: unknown,
  EntryContext: unknown,
) => NTSTATUS | Promise<NTSTATUS>;
export const RTL_QUERY_REGISTRY_ROUTINE = declareCallback<RTL_QUERY_REGISTRY_ROUTINE>({
  prototype:
    'NTSTATUS RTL_QUERY_REGISTRY_ROUTINE(PWSTR ValueName, ULONG ValueType, PVOID ValueData, ULONG ValueLength, PVOID Context, PVOID EntryContext)',
  role: 'QueryRoutine',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-rtl_query_registry_routine',
});

/** Pool tag of what the query allocates: `RtlQ`. */
const TAG = 0x516c_7452;
/** Entries of a table that are looked at; a longer one lacks its end: STATUS_INVALID_PARAMETER. */
const ENTRY_LIMIT = 4096;
const ENTRY_SIZE = 56;

/** One entry of the caller's table. */
interface Entry {
  readonly routine: Address;
  readonly flags: number;
  /** Address of the name, 0 for none. */
  readonly name: Address;
  readonly context: Address;
  readonly defaultType: number;
  readonly defaultData: Address;
  readonly defaultLength: number;
}

/** One value to be told to a QueryRoutine. */
interface Report {
  readonly name: string;
  readonly type: number;
  /** null: NULL and length 0. */
  readonly data: Uint8Array | null;
  /** Deleted once it was told. */
  readonly remove: boolean;
}

interface Locals {
  readonly driver: number;
  readonly top: RegistryKey;
  key: RegistryKey;
  readonly table: Address;
  readonly context: Address;
  index: number;
  reports: Report[];
  reported: number;
  /** Pool block that holds name and data while the routine runs. */
  block: Address;
}

const queryValues = procedure<Kernel, Locals>('RtlQueryRegistryValues', {
  start: (kernel, locals, step) => {
    if (locals.index >= ENTRY_LIMIT) return step.done(STATUS_INVALID_PARAMETER);
    const entry = readEntry(kernel, locals.table + locals.index * ENTRY_SIZE);
    if (isEnd(entry)) return step.done(STATUS_SUCCESS);
    const status = prepare(kernel, locals, entry);
    if (!NT_SUCCESS(status)) return step.done(status);
    return step.go('report');
  },
  report: (kernel, locals, step) => {
    const report = locals.reports[locals.reported];
    if (report === undefined) {
      locals.index++;
      return step.go('start');
    }
    const entry = readEntry(kernel, locals.table + locals.index * ENTRY_SIZE);
    const driver = kernel.drivers[locals.driver];
    const routine = driver.callback(entry.routine, RTL_QUERY_REGISTRY_ROUTINE);
    const block = place(kernel, report);
    if (routine === null || block === 0) return step.done(STATUS_INSUFFICIENT_RESOURCES);
    locals.block = block;
    const data = report.data === null ? 0 : block + dataOffset(report.name);
    const length = report.data?.length ?? 0;
    return step.call('told', routine, block, report.type, data, length, locals.context, entry.context);
  },
  told: (kernel, locals, step, result) => {
    poolOf(kernel).free(locals.block, TAG);
    const report = locals.reports[locals.reported++];
    if (!NT_SUCCESS(result) && result >>> 0 !== STATUS_BUFFER_TOO_SMALL) return step.done(result >>> 0);
    if (report.remove) registryOf(kernel).deleteValue(locals.key, report.name);
    return step.go('report');
  },
});

function readEntry(kernel: Kernel, at: Address): Entry {
  const { memory } = kernel;
  return {
    routine: memory.readPointer(at),
    flags: memory.u32[(at + 8) >> 2],
    name: memory.readPointer(at + 16),
    context: memory.readPointer(at + 24),
    defaultType: memory.u32[(at + 32) >> 2],
    defaultData: memory.readPointer(at + 40),
    defaultLength: memory.u32[(at + 48) >> 2],
  };
}

function isEnd(entry: Entry): boolean {
  const moves = RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_DIRECT;
  return entry.routine === 0 && entry.name === 0 && (entry.flags & moves) === 0;
}

/** Works an entry out: what its routine has to be told goes to `reports`, direct values are stored. */
function prepare(kernel: Kernel, locals: Locals, entry: Entry): NTSTATUS {
  const { flags } = entry;
  locals.reports = [];
  locals.reported = 0;
  const direct = (flags & RTL_QUERY_REGISTRY_DIRECT) !== 0;
  if (direct) {
    const forbidden = RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_NOVALUE;
    if (entry.name === 0 || entry.routine !== 0 || (flags & forbidden) !== 0) return STATUS_INVALID_PARAMETER;
  }
  if ((flags & (RTL_QUERY_REGISTRY_TOPKEY | RTL_QUERY_REGISTRY_SUBKEY)) !== 0) locals.key = locals.top;
  if ((flags & RTL_QUERY_REGISTRY_SUBKEY) !== 0) return enterSubkey(kernel, locals, entry);
  if (!direct && entry.routine === 0) return STATUS_INVALID_PARAMETER;
  if ((flags & RTL_QUERY_REGISTRY_NOVALUE) !== 0) {
    locals.reports = [{ name: nameOf(kernel, entry), type: REG_NONE, data: null, remove: false }];
    return STATUS_SUCCESS;
  }
  if (entry.name === 0) return listAll(locals, entry);
  return queryOne(kernel, locals, entry, direct);
}

function nameOf(kernel: Kernel, entry: Entry): string {
  return entry.name === 0 ? '' : readTerminatedUtf16(kernel.memory, entry.name);
}

function enterSubkey(kernel: Kernel, locals: Locals, entry: Entry): NTSTATUS {
  if (entry.name === 0) return STATUS_INVALID_PARAMETER;
  const found = registryOf(kernel).openKey(locals.top, nameOf(kernel, entry));
  if (found.key === null) return found.status;
  locals.key = found.key;
  // A subkey entry with a routine and without a further name reports the values of that key.
  return entry.routine === 0 ? STATUS_SUCCESS : listAll(locals, entry);
}

function listAll(locals: Locals, entry: Entry): NTSTATUS {
  const required = (entry.flags & RTL_QUERY_REGISTRY_REQUIRED) !== 0;
  for (const { name, type, data } of locals.key.values.values()) {
    locals.reports.push(...reportsOf(name, type, data, entry.flags));
  }
  return required && locals.key.values.size === 0 ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS;
}

function reportsOf(name: string, type: number, data: Uint8Array, flags: number): Report[] {
  const remove = (flags & RTL_QUERY_REGISTRY_DELETE) !== 0;
  if (type !== REG_MULTI_SZ || (flags & RTL_QUERY_REGISTRY_NOEXPAND) !== 0)
    return [{ name, type, data, remove }];
  const strings = multiStrings(data);
  return strings.map((text, index) => ({
    name,
    type: REG_SZ,
    data: utf16Bytes(`${text}\0`),
    remove: remove && index === strings.length - 1,
  }));
}

function queryOne(kernel: Kernel, locals: Locals, entry: Entry, direct: boolean): NTSTATUS {
  const name = nameOf(kernel, entry);
  const stored = locals.key.values.get(foldName(name));
  const value = stored ?? defaultValue(kernel, entry, name);
  if (value === null) {
    // Without a default the value has to exist only where the entry says so.
    return (entry.flags & RTL_QUERY_REGISTRY_REQUIRED) === 0 ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
  }
  if (!direct) {
    locals.reports = reportsOf(
      value.name,
      value.type,
      value.data,
      stored === undefined ? entry.flags & ~RTL_QUERY_REGISTRY_DELETE : entry.flags,
    );
    return STATUS_SUCCESS;
  }
  const expected = entry.defaultType >>> 24;
  if ((entry.flags & RTL_QUERY_REGISTRY_TYPECHECK) !== 0 && stored !== undefined && stored.type !== expected)
    return STATUS_OBJECT_TYPE_MISMATCH;
  const status = storeDirect(kernel, locals, entry, value.type, value.data);
  if (NT_SUCCESS(status) && stored !== undefined && (entry.flags & RTL_QUERY_REGISTRY_DELETE) !== 0)
    registryOf(kernel).deleteValue(locals.key, name);
  return status;
}

function defaultValue(
  kernel: Kernel,
  entry: Entry,
  name: string,
): { readonly name: string; readonly type: number; readonly data: Uint8Array } | null {
  const { memory } = kernel;
  const type = entry.defaultType & 0xff;
  const required = (entry.flags & RTL_QUERY_REGISTRY_REQUIRED) !== 0;
  if (required || type === REG_NONE) return null;
  let length = entry.defaultLength;
  if (length === 0 && entry.defaultData !== 0 && isText(type)) {
    length = readTerminatedUtf16(memory, entry.defaultData).length * 2 + 2;
    if (type === REG_MULTI_SZ) length = multiLength(kernel, entry.defaultData);
  }
  if (entry.defaultData === 0) length = 0;
  return { name, type, data: memory.u8.slice(entry.defaultData, entry.defaultData + length) };
}

function multiLength(kernel: Kernel, at: Address): number {
  const { memory } = kernel;
  let end = at;
  while (end + 4 <= memory.size && (memory.u16[end >> 1] !== 0 || memory.u16[(end + 2) >> 1] !== 0)) end += 2;
  return end + 4 - at;
}

function isText(type: number): boolean {
  return type === REG_SZ || type === REG_EXPAND_SZ || type === REG_MULTI_SZ || type === REG_LINK;
}

/** Stores a value where EntryContext says, in the form its type has there. */
function storeDirect(kernel: Kernel, locals: Locals, entry: Entry, type: number, data: Uint8Array): NTSTATUS {
  const { memory } = kernel;
  const at = entry.context;
  if (at === 0) return STATUS_INVALID_PARAMETER;
  if (type === REG_MULTI_SZ && (entry.flags & RTL_QUERY_REGISTRY_NOEXPAND) === 0)
    return STATUS_INVALID_PARAMETER;
  if (isText(type)) return storeText(kernel, locals, at, data);
  if (data.length <= 4) {
    memory.u8.set(data, at);
    return STATUS_SUCCESS;
  }
  const size = memory.i32[at >> 2];
  if (size < 0) {
    if (-size < data.length) return STATUS_BUFFER_TOO_SMALL;
    memory.u8.set(data, at);
    return STATUS_SUCCESS;
  }
  if (size < data.length + 8) return STATUS_BUFFER_TOO_SMALL;
  memory.u32[at >> 2] = data.length;
  memory.u32[(at + 4) >> 2] = type;
  memory.u8.set(data, at + 8);
  return STATUS_SUCCESS;
}

function storeText(kernel: Kernel, locals: Locals, at: Address, data: Uint8Array): NTSTATUS {
  const { memory } = kernel;
  const buffer = memory.readPointer(at + 8);
  // A UNICODE_STRING holds less than 64 KiB, its terminating zero included.
  if (data.length > 0xfffe) return STATUS_BUFFER_TOO_SMALL;
  const zero = data.length >= 2 && data[data.length - 1] === 0 && data[data.length - 2] === 0;
  const length = zero ? data.length - 2 : data.length;
  let target = buffer;
  if (buffer === 0) {
    target = poolOf(kernel).allocateZeroed(poolType.paged, length + 2, TAG, locals.driver + 1);
    if (target === 0) return STATUS_INSUFFICIENT_RESOURCES;
    memory.u16[(at + 2) >> 1] = length + 2;
    memory.writePointer(at + 8, target);
  } else if (memory.u16[(at + 2) >> 1] < data.length) return STATUS_BUFFER_TOO_SMALL;
  memory.u8.set(data, target);
  memory.u16[at >> 1] = length;
  return STATUS_SUCCESS;
}

/** Name and data of a report in one pool block; 0 where there is no memory. */
function place(kernel: Kernel, report: Report): Address {
  const offset = dataOffset(report.name);
  const size = offset + (report.data?.length ?? 0);
  const block = poolOf(kernel).allocateZeroed(poolType.paged, size, TAG, 0);
  if (block === 0) return 0;
  writeUtf16(kernel.memory, block, report.name);
  if (report.data !== null) kernel.memory.u8.set(report.data, block + offset);
  return block;
}

function dataOffset(name: string): number {
  return (name.length * 2 + 2 + 7) & ~7;
}

/**
 * Answers a table of queries. REG_EXPAND_SZ is handed over unexpanded: a kernel has no environment, and drivers must
 * ask for that with RTL_QUERY_REGISTRY_NOEXPAND.
 * @returns STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_BUFFER_TOO_SMALL,
 * STATUS_OBJECT_TYPE_MISMATCH, or what a QueryRoutine returned. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-rtlqueryregistryvalues
 */
export const RtlQueryRegistryValues = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path, PVOID QueryTable, PVOID Context, PVOID Environment)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nf-wdm-rtlqueryregistryvalues',
  implement:
    (kernel: Kernel, driver) =>
    async (
      RelativeTo: number,
      Path: WideText,
      QueryTable: OutPointer,
      Context: Context,
      _Environment: OutPointer,
    ): Promise<NTSTATUS> => {
      const found = keyOfPlace(kernel, RelativeTo, Path, false);
      if (found.key === null) {
        return (RelativeTo & RTL_REGISTRY_OPTIONAL) === 0 ? found.status : STATUS_SUCCESS;
      }
      return kernel.scheduler.execute(queryValues, kernel, {
        driver: driver.id - 1,
        top: found.key,
        key: found.key,
        table: QueryTable,
        context: Context,
        index: 0,
        reports: [],
        reported: 0,
        block: 0,
      });
    },
});
