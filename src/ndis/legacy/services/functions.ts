/** Timers, work items, configuration and memory of NDIS 5: what drivers import. */

export * from './timers.ts';
export { NdisInitializeWorkItem, NdisScheduleWorkItem } from './workItems.ts';
export * from './configuration.ts';
export * from './memory.ts';
