/** Messages of signaling: fixed fields, big-endian, as one frame on channel 5. A small relative of Q.2931. */

export const SIGNAL = { setUp: 1, connect: 2, reject: 3, release: 4, change: 5, agreed: 6 } as const;

/** One message. */
export interface Message {
  readonly type: number;
  /** Stations. */
  readonly from: number;
  readonly to: number;
  /** Whether it goes to who made the call: calls have numbers of who made them. */
  readonly toOrigin: boolean;
  readonly reference: number;
  readonly leg: number;
  /** On which channel the sender receives. */
  readonly channel: number;
  readonly status: number;
  /** Bytes a second. */
  readonly bandwidth: number;
  readonly sap: string;
}

const SAP_AT = 20;
const SAP_SIZE = 16;
const SIZE = SAP_AT + SAP_SIZE;

export function writeMessage(message: Message): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  bytes[0] = message.type;
  bytes[1] = message.from;
  bytes[2] = message.to;
  bytes[3] = message.toOrigin ? 1 : 0;
  view.setUint16(4, message.reference);
  view.setUint16(6, message.leg);
  view.setUint32(8, message.channel);
  view.setUint32(12, message.status);
  view.setUint32(16, message.bandwidth);
  for (let i = 0; i < Math.min(message.sap.length, SAP_SIZE); i++)
    bytes[SAP_AT + i] = message.sap.charCodeAt(i);
  return bytes;
}

/** Null for a frame that is no message. */
export function readMessage(bytes: Uint8Array): Message | null {
  if (bytes.length !== SIZE || bytes[0] < SIGNAL.setUp || bytes[0] > SIGNAL.agreed) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sap = String.fromCharCode(...bytes.subarray(SAP_AT)).replace(/\0.*$/s, '');
  return {
    type: bytes[0],
    from: bytes[1],
    to: bytes[2],
    toOrigin: bytes[3] === 1,
    reference: view.getUint16(4),
    leg: view.getUint16(6),
    channel: view.getUint32(8),
    status: view.getUint32(12),
    bandwidth: view.getUint32(16),
    sap,
  };
}
