/**
 * The callbacks in the life of a filter module: attach, detach, pause, restart, options.
 * Implements nc-ndis-filter_attach, nc-ndis-filter_detach, nc-ndis-filter_pause, nc-ndis-filter_restart and
 * nc-ndis-filter_set_module_options.
 */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type {
  NDIS_FILTER_ATTACH_PARAMETERS,
  NDIS_FILTER_PAUSE_PARAMETERS,
  NDIS_FILTER_RESTART_PARAMETERS,
} from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';

type Result<T> = T | Promise<T>;

/** FilterAttach: a module of the driver is put into a driver stack; it calls NdisFSetAttributes. */
export type FILTER_ATTACH = (
  NdisFilterHandle: Address,
  FilterDriverContext: unknown,
  AttachParameters: NDIS_FILTER_ATTACH_PARAMETERS,
) => Result<NDIS_STATUS>;
export const FILTER_ATTACH = declareCallback<FILTER_ATTACH>({
  prototype:
    'NDIS_STATUS FILTER_ATTACH(NDIS_HANDLE NdisFilterHandle, NDIS_HANDLE FilterDriverContext, PNDIS_FILTER_ATTACH_PARAMETERS AttachParameters)',
  role: 'FilterAttach',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_attach',
});

/** FilterDetach: the module leaves the stack; what FilterAttach allocated is freed. Cannot fail. */
export type FILTER_DETACH = (FilterModuleContext: unknown) => Result<void>;
export const FILTER_DETACH = declareCallback<FILTER_DETACH>({
  prototype: 'VOID FILTER_DETACH(NDIS_HANDLE FilterModuleContext)',
  role: 'FilterDetach',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_detach',
});

/** FilterPause: stops the flow of data; may complete later with NdisFPauseComplete. Cannot fail. */
export type FILTER_PAUSE = (
  FilterModuleContext: unknown,
  PauseParameters: NDIS_FILTER_PAUSE_PARAMETERS,
) => Result<NDIS_STATUS>;
export const FILTER_PAUSE = declareCallback<FILTER_PAUSE>({
  prototype:
    'NDIS_STATUS FILTER_PAUSE(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_PAUSE_PARAMETERS PauseParameters)',
  role: 'FilterPause',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_pause',
});

/** FilterRestart: resumes the flow of data; may complete later with NdisFRestartComplete. */
export type FILTER_RESTART = (
  FilterModuleContext: unknown,
  RestartParameters: NDIS_FILTER_RESTART_PARAMETERS,
) => Result<NDIS_STATUS>;
export const FILTER_RESTART = declareCallback<FILTER_RESTART>({
  prototype:
    'NDIS_STATUS FILTER_RESTART(NDIS_HANDLE FilterModuleContext, PNDIS_FILTER_RESTART_PARAMETERS RestartParameters)',
  role: 'FilterRestart',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_restart',
});

/** FilterSetModuleOptions: the module may change its data handlers before it is restarted. */
export type FILTER_SET_MODULE_OPTIONS = (FilterModuleContext: unknown) => Result<NDIS_STATUS>;
export const FILTER_SET_MODULE_OPTIONS = declareCallback<FILTER_SET_MODULE_OPTIONS>({
  prototype: 'NDIS_STATUS FILTER_SET_MODULE_OPTIONS(NDIS_HANDLE FilterModuleContext)',
  role: 'FilterSetModuleOptions',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_set_module_options',
});
