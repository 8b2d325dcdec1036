/**
 * Floor `machine`: the composition root and the interface of the package. Read in this order: the machine, what a
 * driver is, what a miniport has of a wire, the stack as data; then what the authors of drivers need: types, status
 * names, structures, constants and the types of handlers.
 */

export * from './machine.ts';
export type { RemovalOptions } from './deviceControl.ts';
export type { StackEvents } from './stackEvents.ts';
export type { FilterOptions } from './filterConfigurations.ts';
export * from './driverImage.ts';
export * from './openedDevice.ts';
export * from './wireDevice.ts';
export type { DeviceOptions } from './hardware.ts';
export type { InterfaceAnswer, InterfaceSnapshot } from './interfaces.ts';
export * from './snapshot.ts';
export {
  BugCheckError,
  type DeviceResult,
  type Dump,
  dumpOf,
  type Finding,
  formatDump,
  type Imports,
  type Kernel,
  type KernelOptions,
  MachineStoppedError,
  NdisboxError,
  NT_ERROR,
  NT_INFORMATION,
  NT_SUCCESS,
  NT_WARNING,
  type NTSTATUS,
  ntstatusName,
  type Process,
} from '../kernel/index.ts';
export * from '../kernel/generated/constants/index.ts';
export * from '../kernel/generated/structures/index.ts';
export type { Address, Fields, KernelMemory, Structure, View } from '../memory/index.ts';
export { KERNEL_WINDOW_HIGH, readAnsiString, readUnicodeString } from '../memory/index.ts';
export {
  FILTER_CLASSES,
  type NDIS_STATUS,
  type NdisLibrary,
  type NdisOptions,
  oidName,
  ReceiveHash,
  type PowerState,
  statusName,
} from '../ndis/index.ts';
export * from '../ndis/generated/constants/index.ts';
export * from '../ndis/generated/structures/index.ts';
export * from '../ndis/protocol/callbacks.ts';
export * from '../ndis/miniport/callbacks.ts';
export * from '../ndis/filter/callbacks.ts';
export * from '../ndis/filter/dataCallbacks.ts';
export * from '../ndis/filter/requestCallbacks.ts';
export * from '../ndis/oid/callbacks.ts';
export * from '../ndis/status/callbacks.ts';
export * from '../ndis/hardware/interruptCallbacks.ts';
export * from '../trace/index.ts';
export {
  CaptureWire,
  FaultyWire,
  FrameBatch,
  RecordedWire,
  Segment,
  SegmentPort,
  TracedWire,
  type Wire,
  WireError,
  type WireHost,
  type WireProperties,
} from '../wire/index.ts';
