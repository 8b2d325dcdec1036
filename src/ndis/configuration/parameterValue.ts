/**
 * What a registry value becomes in an NDIS_CONFIGURATION_PARAMETER, and back.
 * Implements the conversions of NdisReadConfiguration and NdisWriteConfiguration (ndis) and
 * ns-ndis-_ndis_configuration_parameter.
 */

import {
  REG_BINARY,
  REG_DWORD,
  REG_EXPAND_SZ,
  REG_MULTI_SZ,
  REG_SZ,
  utf16Bytes,
  utf16Text,
} from '../../kernel/index.ts';
import {
  NdisParameterBinary,
  NdisParameterHexInteger,
  NdisParameterInteger,
  NdisParameterMultiString,
  NdisParameterString,
} from '../generated/constants/index.ts';

/** A value as a driver gets it: `bytes` are those of the text or of the binary data, without terminating zero. */
export type ParameterValue =
  | { readonly type: typeof NdisParameterInteger; readonly integer: number }
  | { readonly type: BytesType; readonly bytes: Uint8Array };
type BytesType = typeof NdisParameterString | typeof NdisParameterMultiString | typeof NdisParameterBinary;

/** Longest text or binary data: the lengths of UNICODE_STRING and BINARY_DATA have 16 bits. */
export const LONGEST_PARAMETER = 0xfffc;

/** A registry value. */
export interface StoredValue {
  readonly type: number;
  readonly data: Uint8Array;
}

/**
 * The parameter that a registry value gives. The type in the registry decides; a text for which an integer is asked
 * is read as decimal or hexadecimal digits. Null where it cannot be given.
 * @param requested an NDIS_PARAMETER_TYPE.
 */
export function parameterOfValue(value: StoredValue, requested: number): ParameterValue | null {
  const { data } = value;
  switch (value.type) {
    case REG_DWORD:
      if (data.length < 4) return null;
      return {
        type: NdisParameterInteger,
        integer: new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true),
      };
    case REG_SZ:
    case REG_EXPAND_SZ: {
      const text = untilZero(utf16Text(data));
      if (requested === NdisParameterInteger || requested === NdisParameterHexInteger)
        return integerParameter(text, requested === NdisParameterHexInteger);
      return bounded(NdisParameterString, utf16Bytes(text));
    }
    case REG_MULTI_SZ:
      return bounded(NdisParameterMultiString, data);
    case REG_BINARY:
      return bounded(NdisParameterBinary, data);
    default:
      return null;
  }
}

/** The registry value that a parameter becomes; null for an unknown type. */
export function valueOfParameter(type: number, integer: number, bytes: Uint8Array): StoredValue | null {
  switch (type) {
    case NdisParameterInteger:
    case NdisParameterHexInteger: {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, integer, true);
      return { type: REG_DWORD, data };
    }
    case NdisParameterString:
      return { type: REG_SZ, data: terminated(bytes) };
    case NdisParameterMultiString:
      return { type: REG_MULTI_SZ, data: bytes };
    case NdisParameterBinary:
      return { type: REG_BINARY, data: bytes };
    default:
      return null;
  }
}

/** The bytes of a network address: pairs of hexadecimal digits, hyphens left out; null where the text is none. */
export function networkAddressOfText(text: string): Uint8Array | null {
  const digits = text.replaceAll('-', '');
  if (digits === '' || !/^[0-9a-f]+$/i.test(digits)) return null;
  const bytes = new Uint8Array(Math.ceil(digits.length / 2));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The text up to its first zero. */
export function untilZero(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function integerParameter(text: string, hexadecimal: boolean): ParameterValue | null {
  const digits = hexadecimal
    ? /^\s*(?:0x)?([0-9a-f]{1,8})\s*$/i.exec(text)
    : /^\s*(-?[0-9]{1,10})\s*$/.exec(text);
  if (digits === null) return null;
  const integer = Number.parseInt(digits[1], hexadecimal ? 16 : 10);
  if (integer > 0xffff_ffff || integer < -0x8000_0000) return null;
  return { type: NdisParameterInteger, integer: integer >>> 0 };
}

function bounded(type: BytesType, bytes: Uint8Array): ParameterValue | null {
  return bytes.length > LONGEST_PARAMETER ? null : { type, bytes };
}

function terminated(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length >= 2 && bytes[length - 1] === 0 && bytes[length - 2] === 0) return bytes;
  const data = new Uint8Array(length + 2);
  data.set(bytes);
  return data;
}
