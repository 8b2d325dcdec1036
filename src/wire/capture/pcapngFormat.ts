/** Numbers of the pcapng format: draft-ietf-opsawg-pcapng, sections 3 and 4. */

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE_DESCRIPTION = 1;
/** Obsolete, still found in old captures. */
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_NAME_RESOLUTION = 4;
export const BLOCK_INTERFACE_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const OPTION_SECTION_HARDWARE = 2;
export const OPTION_SECTION_OPERATING_SYSTEM = 3;
export const OPTION_SECTION_APPLICATION = 4;
export const OPTION_INTERFACE_NAME = 2;
export const OPTION_INTERFACE_DESCRIPTION = 3;
export const OPTION_INTERFACE_MAC_ADDRESS = 6;
export const OPTION_INTERFACE_SPEED = 8;
export const OPTION_INTERFACE_TIMESTAMP_RESOLUTION = 9;
export const OPTION_INTERFACE_TIMESTAMP_OFFSET = 14;
export const OPTION_PACKET_FLAGS = 2;
export const OPTION_STATISTICS_RECEIVED = 4;
export const OPTION_STATISTICS_DROPPED = 5;

export const NAME_RECORD_END = 0;
export const NAME_RECORD_IPV4 = 1;
export const NAME_RECORD_IPV6 = 2;

/** Bytes around the body of every block: type, length, length again. */
export const BLOCK_OVERHEAD = 12;
/** Bytes of an enhanced packet block before its data, type and length included. */
export const ENHANCED_PACKET_HEADER_SIZE = 28;

/** Rounds up to the four bytes that everything in pcapng is padded to. */
export function pad4(length: number): number {
  return (length + 3) & ~3;
}
