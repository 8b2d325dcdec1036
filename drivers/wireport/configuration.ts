/**
 * What a user chose for an adapter: its station address and the keywords of its INF file.
 * Implements nf-ndis-ndisreadnetworkaddress and nf-ndis-ndisreadconfiguration (ndis).
 */

import {
  type Address,
  type DriverImports,
  NDIS_CONFIGURATION_OBJECT_REVISION_1,
  NDIS_CONFIGURATION_PARAMETER,
  NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
  NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
  NDIS_STATUS_SUCCESS,
  NdisParameterInteger,
} from '../../src/machine/index.ts';

const ADDRESS_LENGTH = 6;

/** Opens the configuration of an adapter, reads it, and closes it; null where it cannot be opened. */
function withConfiguration<T>(
  imports: DriverImports,
  handle: Address,
  read: (configuration: Address) => T,
): T | null {
  const { ndis } = imports;
  const configuration = imports.cell();
  const opened = ndis.NdisOpenConfigurationEx(
    {
      Header: {
        Type: NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
        Revision: NDIS_CONFIGURATION_OBJECT_REVISION_1,
        Size: NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
      },
      NdisHandle: handle,
    },
    configuration,
  );
  if (opened !== NDIS_STATUS_SUCCESS) return null;
  const result = read(configuration.value);
  ndis.NdisCloseConfiguration(configuration.value);
  return result;
}

/** The address that the parameter `NetworkAddress` gives in place of the adapter's own, or null. */
export function configuredAddress(imports: DriverImports, handle: Address): Uint8Array | null {
  const { ndis, memory } = imports;
  const bytes = withConfiguration(imports, handle, (configuration) => {
    const [status, address, length] = [imports.cell(), imports.cell(), imports.cell()];
    ndis.NdisReadNetworkAddress(status, address, length, configuration);
    return memory.u32[status.address >> 2] === NDIS_STATUS_SUCCESS
      ? memory.u8.slice(address.value, address.value + memory.u32[length.address >> 2])
      : null;
  });
  if (bytes === null) return null;
  // A group address is nobody's, and all zeros is none.
  if (bytes.length === ADDRESS_LENGTH && (bytes[0] & 1) === 0 && bytes.some((byte) => byte !== 0))
    return bytes;
  imports.note('the parameter NetworkAddress is no address of one station and is not used');
  return null;
}

/** The number that a keyword has, or `fallback` where it is missing. */
export function configuredNumber(
  imports: DriverImports,
  handle: Address,
  keyword: string,
  fallback: number,
): number {
  const { ndis, memory } = imports;
  const value = withConfiguration(imports, handle, (configuration) => {
    const [status, parameter] = [imports.cell(), imports.cell()];
    ndis.NdisReadConfiguration(status, parameter, configuration, keyword, NdisParameterInteger);
    return memory.u32[status.address >> 2] === NDIS_STATUS_SUCCESS
      ? imports.view(NDIS_CONFIGURATION_PARAMETER, parameter.value).ParameterData.IntegerData
      : null;
  });
  return value ?? fallback;
}
