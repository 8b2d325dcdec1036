/**
 * Counted strings: NDIS' names for the Rtl routines, and strings with a buffer of NDIS'.
 * Implements NdisInitUnicodeString, NdisInitializeString, NdisEqualString, NdisAnsiStringToUnicodeString and their
 * kin (ndis).
 */

import {
  bufferOf,
  type Driver,
  poolOf,
  RtlAnsiStringToUnicodeString,
  RtlEqualUnicodeString,
  RtlInitString,
  RtlInitUnicodeString,
  RtlUnicodeStringToAnsiString,
  RtlUpcaseUnicodeString,
  STATUS_BUFFER_OVERFLOW,
  setString,
  type TextPointer,
  terminatedLength,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';

const INITIALIZE_PAGE = 'ndis/nf-ndis-ndisinitializestring';
const FREE_PAGE = 'ndis/nf-ndis-ndisfreestring';
/** `NdSt` */
const STRING_TAG = 0x7453_644e;
/** Buffers that NdisInitializeString gave and that are not freed. */
const buffersOf = perNdis('stringBuffers', () => new Set<Address>());
/** Longest source: its UTF-16 form and a zero fit MaximumLength. */
const LONGEST_SOURCE = 0x7ffe;

/** Makes a string of a zero-terminated UTF-16 text without copying it; NULL gives an empty one. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisinitunicodestring */
export const NdisInitUnicodeString = synchronous(
  'VOID NdisInitUnicodeString(PNDIS_STRING _us, PCWSTR s)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisinitunicodestring',
  (ndis, driver) => RtlInitUnicodeString.implement(ndis.kernel, driver),
);

/** Makes a string of a zero-terminated ANSI text without copying it; NULL gives an empty one. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisinitansistring */
export const NdisInitAnsiString = synchronous(
  'VOID NdisInitAnsiString(PANSI_STRING _as, PCSTR s)',
  '<=DISPATCH_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisinitansistring',
  (ndis, driver) => RtlInitString.implement(ndis.kernel, driver),
);

function release(ndis: NdisLibrary, buffer: Address): void {
  buffersOf(ndis).delete(buffer);
  poolOf(ndis.kernel).free(buffer, STRING_TAG);
}

/** The buffer is the driver's until it calls NdisFreeString. */
function keepBuffer(ndis: NdisLibrary, driver: Driver, buffer: Address): void {
  buffersOf(ndis).add(buffer);
  driver.own(`string buffer ${buffer}`, {
    kind: 'string buffer',
    name: `0x${buffer.toString(16)}`,
    releasedBy: 'NdisFreeString',
    release: () => release(ndis, buffer),
  });
}

/** Makes the string at `at` of `text`, for NdisFreeString to free; false when memory is short. */
export function allocateNdisString(ndis: NdisLibrary, driver: Driver, at: Address, text: string): boolean {
  const { memory } = ndis;
  const maximum = 2 * text.length + 2;
  const buffer = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, maximum, STRING_TAG, 0);
  if (buffer === 0) return false;
  for (let i = 0; i < text.length; i++) memory.u16[(buffer >> 1) + i] = text.charCodeAt(i);
  setString(memory, at, 2 * text.length, maximum, buffer);
  keepBuffer(ndis, driver, buffer);
  return true;
}

/**
 * Makes a string with a buffer of its own of a zero-terminated ANSI text; the buffer goes back through
 * NdisFreeString. The string is empty when memory is short. PASSIVE_LEVEL. ndis/nf-ndis-ndisinitializestring
 */
export const NdisInitializeString = synchronous(
  'VOID NdisInitializeString(PNDIS_STRING Destination, PUCHAR Source)',
  'PASSIVE_LEVEL',
  '6.0',
  INITIALIZE_PAGE,
  (ndis, driver) =>
    (Destination: Address, Source: TextPointer): void => {
      const { kernel, memory } = ndis;
      const length = Math.min(terminatedLength(memory, Source), LONGEST_SOURCE);
      const maximum = length * 2 + 2;
      const buffer = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, maximum, STRING_TAG, 0);
      if (buffer === 0) return setString(memory, Destination, 0, 0, 0);
      for (let i = 0; i < length; i++) memory.u16[(buffer >> 1) + i] = memory.u8[Source + i];
      setString(memory, Destination, length * 2, maximum, buffer);
      keepBuffer(ndis, driver, buffer);
    },
);

/**
 * Frees the buffer of a string that NdisInitializeString made; any other is a finding. C passes the structure,
 * TypeScript gives its address. PASSIVE_LEVEL. ndis/nf-ndis-ndisfreestring
 */
export const NdisFreeString = macro(
  'VOID NdisFreeString(NDIS_STRING String)',
  'PASSIVE_LEVEL',
  '6.0',
  FREE_PAGE,
  (ndis, driver) =>
    (String: TextPointer): void => {
      const { kernel, memory } = ndis;
      const buffer = bufferOf(memory, String);
      if (!buffersOf(ndis).has(buffer)) {
        kernel.report(
          'NOT_AN_NDIS_STRING',
          driver,
          `NdisFreeString: the buffer 0x${(buffer >>> 0).toString(16)} was not allocated by NdisInitializeString, or was freed already`,
          FREE_PAGE,
        );
        return;
      }
      driver.disown(`string buffer ${buffer}`);
      release(ndis, buffer);
    },
);

/** Whether two strings are equal. PASSIVE_LEVEL. ndis/nf-ndis-ndisequalstring */
export const NdisEqualString = synchronous(
  'BOOLEAN NdisEqualString(PNDIS_STRING _String1, PNDIS_STRING _String2, BOOLEAN _CaseInsensitive)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisequalstring',
  (ndis, driver) => RtlEqualUnicodeString.implement(ndis.kernel, driver),
);

/** Whether two strings are equal. PASSIVE_LEVEL. ndis/nf-ndis-ndisequalunicodestring */
export const NdisEqualUnicodeString = macro(
  'BOOLEAN NdisEqualUnicodeString(PNDIS_STRING _String1, PNDIS_STRING _String2, BOOLEAN _CaseInsensitive)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisequalunicodestring',
  (ndis, driver) => RtlEqualUnicodeString.implement(ndis.kernel, driver),
);

/** What a conversion of the kernel returned, as NDIS' status. */
const conversionStatus = (status: number): number =>
  status === STATUS_BUFFER_OVERFLOW ? NDIS_STATUS_FAILURE : status === 0 ? NDIS_STATUS_SUCCESS : status;

/** Converts to UTF-16 in the caller's buffer; NDIS_STATUS_FAILURE where it is too small. PASSIVE_LEVEL. ndis/nf-ndis-ndisansistringtounicodestring */
export const NdisAnsiStringToUnicodeString = synchronous(
  'NDIS_STATUS NdisAnsiStringToUnicodeString(PUNICODE_STRING _us, PANSI_STRING _as)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisansistringtounicodestring',
  (ndis, driver) => {
    const convert = RtlAnsiStringToUnicodeString.implement(ndis.kernel, driver);
    return (us: Address, as: TextPointer): number => conversionStatus(convert(us, as, false));
  },
);

/** Converts to ANSI in the caller's buffer; NDIS_STATUS_FAILURE where it is too small. PASSIVE_LEVEL. ndis/nf-ndis-ndisunicodestringtoansistring */
export const NdisUnicodeStringToAnsiString = synchronous(
  'NDIS_STATUS NdisUnicodeStringToAnsiString(PANSI_STRING _as, PUNICODE_STRING _us)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisunicodestringtoansistring',
  (ndis, driver) => {
    const convert = RtlUnicodeStringToAnsiString.implement(ndis.kernel, driver);
    return (as: Address, us: TextPointer): number => conversionStatus(convert(as, us, false));
  },
);

/** Writes the text in upper case to the caller's buffer. Deprecated since NDIS 6.0. PASSIVE_LEVEL. ndis/nf-ndis-ndisupcaseunicodestring */
export const NdisUpcaseUnicodeString = synchronous(
  'NTSTATUS NdisUpcaseUnicodeString(PUNICODE_STRING _d, PUNICODE_STRING _s)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisupcaseunicodestring',
  (ndis, driver) => {
    const upcase = RtlUpcaseUnicodeString.implement(ndis.kernel, driver);
    return (d: Address, s: TextPointer): number => upcase(d, s, false);
  },
);
