/**
 * passthrough: a modifying filter driver that has every handler and changes nothing: what comes goes on, requests as
 * clones, and is counted. While it is bypassed it has no handlers on the data path, and NDIS goes past it.
 * A program asks its device `\\.\Passthrough` for the counts and switches the bypass. Parameter: `Bypass` (1: begin so).
 * In the manner of the NDISLWF sample; "Writing NDIS Filter Drivers" and "Data Bypass Mode" (network).
 */

import {
  type DriverImports,
  defineDriver,
  NDIS_STATUS_SUCCESS,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { type Answer, ControlDevice, controlCode } from '../support/controlDevice.ts';
import { DriverParameters } from '../support/parameters.ts';
import { filterCharacteristics } from './characteristics.ts';
import type { PassthroughModule } from './module.ts';

/** Gives the counts of all modules: ULONG64 sent, received, requests, status indications, events; ULONG modules, ULONG bypass. */
export const IOCTL_PASSTHROUGH_QUERY = controlCode(0x810);
/** Takes ULONG: 1 to bypass the modules on the data path, 0 to put them back. Takes effect when they restart. */
export const IOCTL_PASSTHROUGH_SET_BYPASS = controlCode(0x811);
const COUNTS_SIZE = 48;

/** What the driver keeps. */
export class Passthrough {
  readonly imports: DriverImports;
  readonly modules = new Set<PassthroughModule>();
  bypass: boolean;

  constructor(imports: DriverImports, bypass: boolean) {
    this.imports = imports;
    this.bypass = bypass;
  }

  control(code: number, buffer: number, inputLength: number, outputLength: number): Answer {
    const { memory } = this.imports;
    switch (code) {
      case IOCTL_PASSTHROUGH_QUERY:
        if (outputLength < COUNTS_SIZE) return { status: STATUS_BUFFER_TOO_SMALL };
        this.#writeCounts(buffer);
        return { status: STATUS_SUCCESS, information: COUNTS_SIZE };
      case IOCTL_PASSTHROUGH_SET_BYPASS:
        if (inputLength < 4) return { status: STATUS_INVALID_PARAMETER };
        return { status: this.#setBypass(memory.data.getUint32(buffer, true) !== 0) };
      default:
        return { status: STATUS_INVALID_DEVICE_REQUEST };
    }
  }

  /** NDIS asks FilterSetModuleOptions of every module again when it restarts it. */
  #setBypass(bypass: boolean): number {
    this.bypass = bypass;
    let result = STATUS_SUCCESS;
    for (const module of this.modules) {
      const status = this.imports.ndis.NdisFRestartFilter(module.handle);
      if (status !== NDIS_STATUS_SUCCESS) result = status;
    }
    return result;
  }

  #writeCounts(buffer: number): void {
    const { data } = this.imports.memory;
    const totals = [0, 0, 0, 0, 0];
    for (const { counts } of this.modules) {
      const { sent, received, requests, statuses, events } = counts;
      for (const [index, count] of [sent, received, requests, statuses, events].entries())
        totals[index] += count;
    }
    for (const [index, total] of totals.entries()) data.setBigUint64(buffer + 8 * index, BigInt(total), true);
    data.setUint32(buffer + 40, this.modules.size, true);
    data.setUint32(buffer + 44, this.bypass ? 1 : 0, true);
  }
}

/** The driver. */
export const passthrough = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const filter = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['Bypass']);
      const driver = new Passthrough(imports, parameters.number('Bypass', 0, 0, 1) === 1);
      const device = new ControlDevice(imports, 'Passthrough', {
        control: (...request) => driver.control(...request),
      });
      const created = device.create(DriverObject);
      if (created !== STATUS_SUCCESS) return created;
      DriverObject.DriverUnload = async () => {
        device.delete();
        await ndis.NdisFDeregisterFilterDriver(filter.value);
      };
      const status = await ndis.NdisFRegisterFilterDriver(
        DriverObject,
        null,
        filterCharacteristics(driver, parameters.serviceName),
        filter,
      );
      if (status !== NDIS_STATUS_SUCCESS) device.delete();
      return status;
    },
  };
});
