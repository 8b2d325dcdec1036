/**
 * What a PE image says, checked: the result of `parseImage`. Addresses are RVAs: offsets from the start of the mapped
 * image. Follows "PE Format" of the Windows documentation (debug/pe-format).
 */

/** A number of the image: where something lies in it once it is mapped. */
export type Rva = number;

export interface PeSection {
  /** Up to eight characters, `.text`, `INIT`. */
  readonly name: string;
  readonly rva: Rva;
  /** Bytes in memory; never 0. */
  readonly size: number;
  /** Where its bytes lie in the file. */
  readonly rawOffset: number;
  /** Bytes of it in the file; the rest is zero. */
  readonly rawSize: number;
  /** What may be done with its pages: a sum of PAGE_READ, PAGE_WRITE and PAGE_EXECUTE. */
  readonly protection: number;
  /** Gone after DriverEntry: INIT, relocations. */
  readonly discardable: boolean;
  /** The flags of the header as they are. */
  readonly characteristics: number;
  /** File offset of its header. */
  readonly headerOffset: number;
}

/** An import: a slot of eight bytes that gets the address of a function or variable. */
export interface PeImport {
  /** The file it comes from, as the image spells it. */
  readonly dll: string;
  /** The name, or the ordinal where it is imported by number. */
  readonly symbol: string | number;
  readonly slot: Rva;
  /** From the directory of delayed imports; bound at load like the others. */
  readonly delayed: boolean;
}

/** What the image offers to others. */
export interface PeExport {
  /** Null where it is exported by ordinal alone. */
  readonly name: string | null;
  readonly ordinal: number;
  /** 0 for a forwarder. */
  readonly rva: Rva;
  /** `ntoskrnl.RtlCopyMemory` or `ndis.#12`: found elsewhere; null for what lies in the image. */
  readonly forwarder: string | null;
}

/** A range of the image. */
export interface PeRange {
  readonly rva: Rva;
  readonly size: number;
}

/** What the load configuration asks of the loader. Slots are 0 where the image has none. */
export interface LoadConfiguration {
  /** The variable of eight bytes that gets a random value before the entry point runs. */
  readonly securityCookie: Rva;
  /** The pointer to the function that checks the target of an indirect call. */
  readonly guardCheckSlot: Rva;
  /** The pointer to the function that checks and makes an indirect call. */
  readonly guardDispatchSlot: Rva;
  /** GuardFlags as they are. */
  readonly guardFlags: number;
  /** Functions that an indirect call may reach, sorted; empty without control-flow guard. */
  readonly guardFunctions: Uint32Array;
}

/** The name of the symbol file, from the CodeView entry of the debug directory. */
export interface DebugName {
  /** The path as the linker wrote it. */
  readonly path: string;
  /** The GUID, lower case with dashes. */
  readonly guid: string;
  readonly age: number;
}

/** The version resource. */
export interface VersionInformation {
  /** `10.0.19041.1` */
  readonly fileVersion: string;
  readonly productVersion: string;
  /** FileDescription, CompanyName and the like, of the first language. */
  readonly strings: ReadonlyMap<string, string>;
}

/** A checked image. Everything in it lies inside of the image. */
export interface PeImage {
  /** `mux.sys` */
  readonly name: string;
  /** The image as it lies in memory before relocation and binding, up to the end of its last section. */
  readonly contents: Uint8Array;
  /** Bytes of address space. */
  readonly size: number;
  /** Bytes of the headers. */
  readonly headersSize: number;
  /** Where the linker would have liked it. */
  readonly preferredBase: bigint;
  readonly entryPoint: Rva;
  /** Sections are smaller than pages: the whole image is one readable, writable, executable range. */
  readonly flat: boolean;
  /** The DLL flag: others may import from it. */
  readonly library: boolean;
  readonly sections: readonly PeSection[];
  /** Where 64-bit addresses lie that move with the image, in the order of the file. */
  readonly relocations: Uint32Array;
  readonly imports: readonly PeImport[];
  /** Name that the image calls itself in its export table; null without one. */
  readonly exportName: string | null;
  readonly exports: readonly PeExport[];
  readonly loadConfiguration: LoadConfiguration;
  /** The table of RUNTIME_FUNCTION entries, `.pdata`; null without one. */
  readonly exceptions: PeRange | null;
  readonly debugName: DebugName | null;
  readonly version: VersionInformation | null;
  /** TimeDateStamp: seconds since 1970, or a hash in reproducible builds. */
  readonly timestamp: number;
  /** The checksum of the header; 0 where the linker wrote none. */
  readonly checksum: number;
  /** The checksum of the file. */
  readonly computedChecksum: number;
  /** What is odd about the image but keeps nobody from loading it. */
  readonly notes: readonly string[];
}
