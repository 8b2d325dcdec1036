/** How much wireport does at once. */

/** Frames handed to the wire at once. */
export const SEND_BATCH = 64;
/** Frames taken from the wire at once. */
export const RECEIVE_BATCH = 64;
