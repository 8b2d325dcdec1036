/** NDIS_STATUS as the host holds it: an unsigned 32-bit number, of the same kind as NTSTATUS. */

import type { NTSTATUS } from '../kernel/index.ts';

/** A status of the library. Branded like NTSTATUS, with which the documentation mixes it freely. */
export type NDIS_STATUS = NTSTATUS;
