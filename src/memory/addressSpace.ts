/**
 * The addresses of a machine: which ranges of numbers there are, and which windows of 64-bit addresses.
 * Implements decision 1 of the design: inside the host an address is a number below 2^31.
 */

/**
 * A kernel address as the host holds it: the low half of the 64-bit pointer, 0 for NULL. Branded so that an
 * address and a status cannot be mixed up; a plain number (the result of arithmetic) still fits.
 */
export type Address = number & { readonly __kind?: 'address' };

/** NULL. */
export const NULL: Address = 0;

/** The first byte that may ever be mapped: the 64 KiB around NULL never are. */
export const FIRST_MAPPED_ADDRESS = 0x1_0000;
/** Opaque addresses of host objects (NDIS handles, TypeScript contexts) start here, one every 16 bytes. */
export const OBJECT_RANGE_START = 0x7000_0000;
/** Callable addresses of host functions (TypeScript handlers, exports) start here, one every 16 bytes. */
export const CALLABLE_RANGE_START = 0x7800_0000;
/** One past the last callable address; addresses of the host are below 2^31. */
export const ADDRESS_LIMIT = 0x8000_0000;

/** High half of every kernel pointer, as a signed 32-bit number: the window 0xFFFF8000_00000000. */
export const KERNEL_WINDOW_HIGH = 0xffff8000 | 0;

/** Bytes of a page. */
export const PAGE_SIZE = 4096;

/** High half of every user address: the window 0x000001A0_00000000, below the end of user space. */
export const USER_WINDOW_HIGH = 0x0000_01a0;
/** High half of KUSER_SHARED_DATA in kernel mode: the page 0xFFFFF780_00000000. */
export const SHARED_DATA_WINDOW_HIGH = 0xffff_f780 | 0;

/** Numbers for 64-bit values that are no address of the machine start here, up to OBJECT_RANGE_START. */
export const OPAQUE_RANGE_START = 0x6000_0000;
/** Tells a number of the opaque range: its upper bits under OPAQUE_MASK. */
export const OPAQUE_MASK = 0xf000_0000 | 0;
