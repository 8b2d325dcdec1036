/**
 * Files that a driver downloads to its hardware: named byte arrays that the host supplies.
 * Implements NdisOpenFile, NdisMapFile, NdisUnmapFile and NdisCloseFile (ndis).
 */

import { type Driver, type Handle, type OutPointer, poolOf, type TextPointer } from '../../kernel/index.ts';
import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_ALREADY_MAPPED,
  NDIS_STATUS_ERROR_READING_FILE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';

const OPEN_PAGE = 'ndis/nf-ndis-ndisopenfile';
const MAP_PAGE = 'ndis/nf-ndis-ndismapfile';
const UNMAP_PAGE = 'ndis/nf-ndis-ndisunmapfile';
const CLOSE_PAGE = 'ndis/nf-ndis-ndisclosefile';
/** `NdFi` */
const FILE_TAG = 0x6946_644e;

/** The files of a machine. Drivers name them by their last part, without regard to case. */
export class FileStore {
  readonly #files = new Map<string, Uint8Array | 'unreadable'>();

  /** Adds or replaces a file; `unreadable` stands for one whose data cannot be read. The bytes are copied. */
  add(name: string, content: Uint8Array | 'unreadable'): void {
    this.#files.set(fileKey(name), content === 'unreadable' ? content : content.slice());
  }

  /** Removes a file; false where there was none. */
  remove(name: string): boolean {
    return this.#files.delete(fileKey(name));
  }

  get(name: string): Uint8Array | 'unreadable' | undefined {
    return this.#files.get(fileKey(name));
  }
}

/** The file store of a library. */
export const fileStoreOf = perNdis('fileStore', () => new FileStore());

function fileKey(name: string): string {
  return name.slice(name.lastIndexOf('\\') + 1).toLowerCase();
}

/** What stands behind a file handle. */
export class NdisFile extends NdisObject {
  readonly name: string;
  readonly buffer: Address;
  mapped = false;
  constructor(name: string, buffer: Address) {
    super();
    this.name = name;
    this.buffer = buffer;
  }
}

function release(ndis: NdisLibrary, file: NdisFile): void {
  ndis.unregister(file);
  poolOf(ndis.kernel).free(file.buffer, FILE_TAG);
}

function open(ndis: NdisLibrary, driver: Driver, name: string, handle: Address, length: Address): number {
  const { kernel, memory } = ndis;
  const content = fileStoreOf(ndis).get(name);
  if (content === undefined) return NDIS_STATUS_FILE_NOT_FOUND;
  if (content === 'unreadable') return NDIS_STATUS_ERROR_READING_FILE;
  const buffer = poolOf(kernel).allocate(poolType.nonPagedNx, Math.max(content.length, 1), FILE_TAG, 0);
  if (buffer === 0) return NDIS_STATUS_RESOURCES;
  memory.u8.set(content, buffer);
  const file = new NdisFile(name, buffer);
  memory.writePointer(handle, ndis.register(file));
  memory.u32[length >> 2] = content.length;
  driver.own(`file ${file.handle}`, {
    kind: 'file',
    name,
    releasedBy: 'NdisCloseFile',
    release: () => release(ndis, file),
  });
  return NDIS_STATUS_SUCCESS;
}

/**
 * Opens a file of the file store and reads it into memory. `Status` gets NDIS_STATUS_FILE_NOT_FOUND,
 * NDIS_STATUS_ERROR_READING_FILE, or NDIS_STATUS_RESOURCES when memory is short. All memory of a machine lies below
 * any `HighestAcceptableAddress`. PASSIVE_LEVEL. ndis/nf-ndis-ndisopenfile
 */
export const NdisOpenFile = synchronous(
  'VOID NdisOpenFile(PNDIS_STATUS Status, PNDIS_HANDLE FileHandle, PUINT FileLength, PNDIS_STRING FileName, NDIS_PHYSICAL_ADDRESS HighestAcceptableAddress)',
  'PASSIVE_LEVEL',
  '5.1',
  OPEN_PAGE,
  (ndis, driver) =>
    (
      Status: OutPointer,
      FileHandle: OutPointer,
      FileLength: OutPointer,
      FileName: TextPointer,
      _HighestAcceptableAddress: bigint,
    ): void => {
      const name = readUnicodeString(ndis.memory, FileName);
      ndis.memory.u32[Status >> 2] = open(ndis, driver, name, FileHandle, FileLength);
    },
);

/** Gives the bytes of a file to this caller alone; NDIS_STATUS_ALREADY_MAPPED until they are unmapped. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndismapfile */
export const NdisMapFile = synchronous(
  'VOID NdisMapFile(PNDIS_STATUS Status, PVOID *MappedBuffer, NDIS_HANDLE FileHandle)',
  '<=DISPATCH_LEVEL',
  '5.1',
  MAP_PAGE,
  (ndis, driver) =>
    (Status: OutPointer, MappedBuffer: OutPointer, FileHandle: Handle): void => {
      const { memory } = ndis;
      const file = ndis.expect(FileHandle, NdisFile, driver, 'NdisMapFile', MAP_PAGE);
      const free = file !== null && !file.mapped;
      memory.writePointer(MappedBuffer, free ? file.buffer : 0);
      memory.u32[Status >> 2] =
        file === null ? NDIS_STATUS_FAILURE : free ? NDIS_STATUS_SUCCESS : NDIS_STATUS_ALREADY_MAPPED;
      if (file !== null) file.mapped = true;
    },
);

/** Ends a mapping; one that is not mapped is a finding. PASSIVE_LEVEL. ndis/nf-ndis-ndisunmapfile */
export const NdisUnmapFile = synchronous(
  'VOID NdisUnmapFile(NDIS_HANDLE FileHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  UNMAP_PAGE,
  (ndis, driver) =>
    (FileHandle: Handle): void => {
      const file = ndis.expect(FileHandle, NdisFile, driver, 'NdisUnmapFile', UNMAP_PAGE);
      if (file === null) return;
      if (!file.mapped) {
        ndis.kernel.report(
          'FILE_NOT_MAPPED',
          driver,
          `NdisUnmapFile: the file "${file.name}" is not mapped`,
          UNMAP_PAGE,
        );
      }
      file.mapped = false;
    },
);

/** Closes a file and frees its bytes, mapped or not. PASSIVE_LEVEL. ndis/nf-ndis-ndisclosefile */
export const NdisCloseFile = synchronous(
  'VOID NdisCloseFile(NDIS_HANDLE FileHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  CLOSE_PAGE,
  (ndis, driver) =>
    (FileHandle: Handle): void => {
      const file = ndis.expect(FileHandle, NdisFile, driver, 'NdisCloseFile', CLOSE_PAGE);
      if (file === null) return;
      driver.disown(`file ${FileHandle}`);
      release(ndis, file);
    },
);
