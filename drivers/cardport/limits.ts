/** How much an adapter of cardport has of everything. */

/** Descriptors of the transmit ring, and of each receive ring. */
export const TRANSMIT_DESCRIPTORS = 256;
export const RECEIVE_DESCRIPTORS = 64;
export const RECEIVE_QUEUES = 2;
/** Bytes of a receive buffer. */
export const BUFFER_SIZE = 2048;
