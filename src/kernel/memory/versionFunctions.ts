/** The version of Windows that the machine claims to be. Implements RtlGetVersion and RtlVerifyVersionInfo of wdm.h. */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_REVISION_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import type { Wide } from './poolFunctions.ts';

/** Windows 11, version 24H2: the newest that NDIS 6.89 belongs to. */
export const MACHINE_VERSION = { major: 10, minor: 0, build: 26100, platform: 2, productType: 1 } as const;

const passive = { irql: 'PASSIVE_LEVEL', waits: 'never', since: '2000' } as const;
/** Bytes of RTL_OSVERSIONINFOW and RTL_OSVERSIONINFOEXW. */
const SHORT_SIZE = 276;
const LONG_SIZE = 284;
/** Offsets of the members of RTL_OSVERSIONINFOEXW. */
const MAJOR = 4;
const MINOR = 8;
const BUILD = 12;
const PLATFORM = 16;
const PRODUCT_TYPE = 282;

/** Writes the version. IRQL = PASSIVE_LEVEL. STATUS_SUCCESS. wdm/nf-wdm-rtlgetversion */
export const RtlGetVersion = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlGetVersion(PVOID lpVersionInformation)',
  page: 'wdm/nf-wdm-rtlgetversion',
  implement: (kernel: Kernel) => (lpVersionInformation: Address) => {
    const { data, u8 } = kernel.memory;
    const size = data.getUint32(lpVersionInformation, true);
    u8.fill(
      0,
      lpVersionInformation + 4,
      lpVersionInformation + (size === LONG_SIZE ? LONG_SIZE : SHORT_SIZE),
    );
    data.setUint32(lpVersionInformation + MAJOR, MACHINE_VERSION.major, true);
    data.setUint32(lpVersionInformation + MINOR, MACHINE_VERSION.minor, true);
    data.setUint32(lpVersionInformation + BUILD, MACHINE_VERSION.build, true);
    data.setUint32(lpVersionInformation + PLATFORM, MACHINE_VERSION.platform, true);
    if (size === LONG_SIZE) u8[lpVersionInformation + PRODUCT_TYPE] = MACHINE_VERSION.productType;
    return STATUS_SUCCESS;
  },
});

/** The members that may be compared: mask bit, offset, bytes, the machine's value; hierarchical ones first. */
const MEMBERS = [
  [2, MAJOR, 4, MACHINE_VERSION.major],
  [1, MINOR, 4, MACHINE_VERSION.minor],
  [4, BUILD, 4, MACHINE_VERSION.build],
  [8, PLATFORM, 4, MACHINE_VERSION.platform],
  [0x20, 276, 2, 0],
  [0x10, 278, 2, 0],
  [0x40, 280, 2, 0],
  [0x80, PRODUCT_TYPE, 1, MACHINE_VERSION.productType],
] as const;
const EQUAL = 1;
const AND = 6;

/** Bits of a condition mask that hold the condition of one member. */
const shiftOf = (bit: number): bigint => BigInt(Math.log2(bit) * 3);

/** Adds a condition to a mask. Any IRQL. C runtime of wdm.h */
export const VerSetConditionMask = declareFunction('ntoskrnl', {
  ...passive,
  irql: 'any',
  prototype: 'ULONGLONG VerSetConditionMask(ULONGLONG ConditionMask, ULONG TypeMask, UCHAR Condition)',
  page: 'wdm/nf-wdm-rtlverifyversioninfo',
  implement: () => (ConditionMask: Wide, TypeMask: number, Condition: number) => {
    let mask = BigInt(ConditionMask);
    for (const [bit] of MEMBERS) if ((TypeMask & bit) !== 0) mask |= BigInt(Condition & 7) << shiftOf(bit);
    return mask;
  },
});

function holds(condition: number, actual: number, wanted: number): boolean {
  switch (condition) {
    case EQUAL:
      return actual === wanted;
    case 2:
      return actual > wanted;
    case 3:
      return actual >= wanted;
    case 4:
      return actual < wanted;
    case 5:
      return actual <= wanted;
    case AND:
      return (actual & wanted) === wanted;
    default:
      return (actual & wanted) !== 0;
  }
}

/**
 * Compares the version with what the driver asks for. IRQL = PASSIVE_LEVEL. STATUS_REVISION_MISMATCH when it does not
 * match, STATUS_INVALID_PARAMETER for a member without a condition. wdm/nf-wdm-rtlverifyversioninfo
 */
export const RtlVerifyVersionInfo = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlVerifyVersionInfo(PVOID VersionInfo, ULONG TypeMask, ULONGLONG ConditionMask)',
  page: 'wdm/nf-wdm-rtlverifyversioninfo',
  implement: (kernel: Kernel) => (VersionInfo: Address, TypeMask: number, ConditionMask: Wide) => {
    const { data } = kernel.memory;
    if (TypeMask === 0) return STATUS_INVALID_PARAMETER;
    // Of major, minor and build the first that differs decides.
    let decided = false;
    for (const [bit, offset, size, actual] of MEMBERS) {
      if ((TypeMask & bit) === 0) continue;
      const condition = Number((BigInt.asUintN(64, BigInt(ConditionMask)) >> shiftOf(bit)) & 7n);
      if (condition === 0) return STATUS_INVALID_PARAMETER;
      const at = VersionInfo + offset;
      const wanted =
        size === 4 ? data.getUint32(at, true) : size === 2 ? data.getUint16(at, true) : data.getUint8(at);
      const hierarchical = bit === 1 || bit === 2 || bit === 4;
      if (hierarchical && decided) continue;
      if (hierarchical && condition !== EQUAL && condition <= 5 && actual !== wanted) decided = true;
      // An equal part leaves the decision to the next part.
      const open = hierarchical && actual === wanted && bit !== 4 && (TypeMask & (bit === 2 ? 5 : 4)) !== 0;
      if (!open && !holds(condition, actual, wanted)) return STATUS_REVISION_MISMATCH;
    }
    return STATUS_SUCCESS;
  },
});
