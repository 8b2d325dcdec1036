/**
 * Access checks and unique ids: SeAccessCheck and its kin (wdm.h), ExUuidCreate (ntddk.h). The machine has one user, an
 * administrator, who may do everything that a descriptor is there for.
 */

import type { Address } from '../../memory/index.ts';
import type { OutPointer } from '../edge.ts';
import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';

/** Bytes of SECURITY_SUBJECT_CONTEXT on 64-bit Windows. */
const CONTEXT_SIZE = 32;
const USER_MODE = 1;
const MAXIMUM_ALLOWED = 0x0200_0000;
/** Offsets of the rights that the generic ones stand for in GENERIC_MAPPING: read, write, execute, all. */
const GENERIC = [
  [0x8000_0000, 0],
  [0x4000_0000, 4],
  [0x2000_0000, 8],
  [0x1000_0000, 12],
] as const;

/** Keeps who asks. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-secapturesubjectcontext */
export const SeCaptureSubjectContext = synchronous(
  'VOID SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-secapturesubjectcontext',
  ({ memory }) =>
    (SubjectContext: OutPointer): void => {
      memory.u8.fill(0, SubjectContext, SubjectContext + CONTEXT_SIZE);
    },
);

/** Gives that back. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-sereleasesubjectcontext */
export const SeReleaseSubjectContext = synchronous(
  'VOID SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-sereleasesubjectcontext',
  ({ memory }) =>
    (SubjectContext: OutPointer): void => {
      memory.u8.fill(0, SubjectContext, SubjectContext + CONTEXT_SIZE);
    },
);

/**
 * Whether access is granted; a program needs a descriptor. @returns TRUE, or FALSE with STATUS_ACCESS_DENIED.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-seaccesscheck
 */
export const SeAccessCheck = synchronous(
  'BOOLEAN SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor, PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, BOOLEAN SubjectContextLocked, ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess, PPRIVILEGE_SET* Privileges, PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-seaccesscheck',
  ({ memory }) =>
    (
      SecurityDescriptor: Address,
      _SubjectSecurityContext: OutPointer,
      _SubjectContextLocked: boolean,
      DesiredAccess: number,
      PreviouslyGrantedAccess: number,
      Privileges: OutPointer,
      GenericMapping: OutPointer,
      AccessMode: number,
      GrantedAccess: OutPointer,
      AccessStatus: OutPointer,
    ): number => {
      const denied = AccessMode === USER_MODE && SecurityDescriptor === 0;
      let granted = (DesiredAccess | PreviouslyGrantedAccess) & 0x01ff_ffff;
      for (const [right, offset] of GENERIC)
        if ((DesiredAccess & right) !== 0) granted |= memory.u32[(GenericMapping + offset) >> 2];
      if ((DesiredAccess & MAXIMUM_ALLOWED) !== 0) granted |= memory.u32[(GenericMapping + 12) >> 2];
      if (Privileges !== 0) memory.writePointer(Privileges, 0);
      memory.u32[GrantedAccess >> 2] = denied ? 0 : granted;
      memory.u32[AccessStatus >> 2] = denied ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
      return denied ? 0 : 1;
    },
);

/** Makes a random UUID from the seed of the machine. @returns STATUS_SUCCESS. IRQL: PASSIVE_LEVEL. @source ntddk/nf-ntddk-exuuidcreate */
export const ExUuidCreate = synchronous(
  'NTSTATUS ExUuidCreate(PVOID Uuid)',
  'PASSIVE_LEVEL',
  '2000',
  'ntddk/nf-ntddk-exuuidcreate',
  ({ memory, random }) =>
    (Uuid: OutPointer): NTSTATUS => {
      for (let word = 0; word < 4; word++) memory.u32[(Uuid + word * 4) >> 2] = random.next();
      // Version 4, variant 1 of RFC 9562; the third group is stored in little-endian order.
      memory.u8[Uuid + 7] = (memory.u8[Uuid + 7] & 0x0f) | 0x40;
      memory.u8[Uuid + 8] = (memory.u8[Uuid + 8] & 0x3f) | 0x80;
      return STATUS_SUCCESS;
    },
);
