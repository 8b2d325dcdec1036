/**
 * NTSTATUS as the host holds it: an unsigned 32-bit number, so that 0xC0000001 is written and printed as the
 * documentation does ([MS-ERREF] 2.3).
 */

/** A kernel status. Branded so that it and an address cannot be mixed up; a plain number still fits. */
export type NTSTATUS = number & { readonly __kind?: 'status' };

/** NT_SUCCESS: success and informational values. */
export function NT_SUCCESS(status: NTSTATUS): boolean {
  return status >>> 0 < 0x8000_0000;
}
/** NT_INFORMATION: informational values. */
export function NT_INFORMATION(status: NTSTATUS): boolean {
  return status >>> 30 === 1;
}
/** NT_WARNING: warnings. */
export function NT_WARNING(status: NTSTATUS): boolean {
  return status >>> 30 === 2;
}
/** NT_ERROR: errors. */
export function NT_ERROR(status: NTSTATUS): boolean {
  return status >>> 30 === 3;
}
