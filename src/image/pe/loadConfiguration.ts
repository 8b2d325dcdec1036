/**
 * What an image asks of the loader: the security cookie, and the pointers and the table of control-flow guard. Follows
 * IMAGE_LOAD_CONFIG_DIRECTORY64 ("The Load Configuration Structure" of debug/pe-format).
 */

import { DIRECTORY_LOAD_CONFIGURATION } from './headers.ts';
import type { ImageReader } from './imageReader.ts';
import { MOST_GUARD_FUNCTIONS } from './limits.ts';
import type { LoadConfiguration, Rva } from './peImage.ts';

const SECURITY_COOKIE = 0x58;
const GUARD_CHECK = 0x70;
const GUARD_DISPATCH = 0x78;
const GUARD_TABLE = 0x80;
const GUARD_COUNT = 0x88;
const GUARD_FLAGS = 0x90;
/** The high nibble of the flags: bytes of each entry of the table beyond the four of the RVA. */
const GUARD_STRIDE_SHIFT = 28;

const NONE: LoadConfiguration = {
  securityCookie: 0,
  guardCheckSlot: 0,
  guardDispatchSlot: 0,
  guardFlags: 0,
  guardFunctions: new Uint32Array(0),
};

/** Reads the load configuration. Members behind its stated size do not exist. @throws PeImageError */
export function readLoadConfiguration(reader: ImageReader): LoadConfiguration {
  const directory = reader.directory(DIRECTORY_LOAD_CONFIGURATION);
  if (directory === null) return NONE;
  const { rva } = directory;
  reader.needDirectory(directory, 4, 'the load configuration');
  const size = reader.data.getUint32(rva, true);
  reader.needDirectory(directory, size, 'the load configuration');
  const slot = (offset: number, what: string): Rva =>
    size >= offset + 8 ? reader.rvaOfAddress(rva + offset, 8, what) : 0;
  return {
    securityCookie: slot(SECURITY_COOKIE, 'the security cookie'),
    guardCheckSlot: slot(GUARD_CHECK, "the pointer to control-flow guard's check"),
    guardDispatchSlot: slot(GUARD_DISPATCH, "the pointer to control-flow guard's dispatch"),
    guardFlags: size >= GUARD_FLAGS + 4 ? reader.data.getUint32(rva + GUARD_FLAGS, true) : 0,
    guardFunctions: size >= GUARD_FLAGS + 4 ? readGuardFunctions(reader, rva) : NONE.guardFunctions,
  };
}

function readGuardFunctions(reader: ImageReader, rva: Rva): Uint32Array {
  const { data } = reader;
  const count = data.getBigUint64(rva + GUARD_COUNT, true);
  if (count === 0n) return NONE.guardFunctions;
  if (count > BigInt(MOST_GUARD_FUNCTIONS)) {
    reader.fail(
      'IMAGE_TOO_LARGE',
      rva + GUARD_COUNT,
      `the table of control-flow guard has ${count} functions; at most ${MOST_GUARD_FUNCTIONS} are read`,
    );
  }
  const stride = 4 + (data.getUint32(rva + GUARD_FLAGS, true) >>> GUARD_STRIDE_SHIFT);
  const table = reader.rvaOfAddress(
    rva + GUARD_TABLE,
    Number(count) * stride,
    'the table of control-flow guard',
  );
  const functions = new Uint32Array(table === 0 ? 0 : Number(count));
  for (let index = 0; index < functions.length; index++) {
    functions[index] = data.getUint32(table + index * stride, true);
  }
  return functions.sort();
}
