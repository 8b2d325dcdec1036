/** The functions of drivers that allocate and free MDLs for retreats. Implements nblapi.h. */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';

/** Allocates an MDL and memory of at least the ULONG at BufferSize; 0 where it cannot. */
export type NET_BUFFER_ALLOCATE_MDL = (BufferSize: Address) => Address;
export const NET_BUFFER_ALLOCATE_MDL = declareCallback<NET_BUFFER_ALLOCATE_MDL>({
  prototype: 'PMDL NET_BUFFER_ALLOCATE_MDL(PULONG BufferSize)',
  role: 'NetAllocateMdl',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nc-nblapi-net_buffer_allocate_mdl',
  hot: true,
});

/** Frees an MDL and its memory, both of NET_BUFFER_ALLOCATE_MDL. */
export type NET_BUFFER_FREE_MDL = (Mdl: Address) => void;
export const NET_BUFFER_FREE_MDL = declareCallback<NET_BUFFER_FREE_MDL>({
  prototype: 'VOID NET_BUFFER_FREE_MDL(PMDL Mdl)',
  role: 'NetFreeMdl',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nc-nblapi-net_buffer_free_mdl',
  hot: true,
});
