/**
 * The standardized keywords of network devices as data: name, default and allowed values.
 * Implements standardized-inf-keywords-for-network-devices, keywords-that-can-be-edited, enumeration-keywords and
 * standardized-inf-keywords-for-rss (windows-driver-docs-pr/network).
 */

/** A keyword. */
export interface StandardKeyword {
  /** With its asterisk, as the registry has it. */
  readonly name: string;
  /** Null where the documentation leaves it to the vendor. */
  readonly defaultValue: number | null;
  readonly minimum: number;
  /** Null where the device decides. */
  readonly maximum: number | null;
}

const keyword = (
  name: string,
  defaultValue: number | null,
  minimum: number,
  maximum: number | null,
): StandardKeyword => ({ name, defaultValue, minimum, maximum });

/** All keywords, in the order of the documentation. `*FlowControl` has the default of a client. */
export const standardKeywords: readonly StandardKeyword[] = [
  keyword('*SpeedDuplex', 0, 0, 100_000),
  keyword('*FlowControl', 3, 0, 4),
  keyword('*PriorityVLANTag', 3, 0, 3),
  keyword('*InterruptModeration', 1, 0, 1),
  keyword('*RSS', 1, 0, 1),
  keyword('*HeaderDataSplit', 0, 0, 1),
  keyword('*TCPConnectionOffloadIPv4', 1, 0, 1),
  keyword('*TCPConnectionOffloadIPv6', 1, 0, 1),
  keyword('*IPChecksumOffloadIPv4', 3, 0, 3),
  keyword('*TCPChecksumOffloadIPv4', 3, 0, 3),
  keyword('*TCPChecksumOffloadIPv6', 3, 0, 3),
  keyword('*UDPChecksumOffloadIPv4', 3, 0, 3),
  keyword('*UDPChecksumOffloadIPv6', 3, 0, 3),
  keyword('*LsoV1IPv4', 1, 0, 1),
  keyword('*LsoV2IPv4', 1, 0, 1),
  keyword('*LsoV2IPv6', 1, 0, 1),
  keyword('*JumboPacket', 1514, 1514, null),
  keyword('*ReceiveBuffers', null, 1, null),
  keyword('*TransmitBuffers', null, 0, null),
  keyword('*RSSProfile', 4, 1, 6),
  keyword('*RssBaseProcGroup', 0, 0, null),
  keyword('*NumaNodeId', 65_535, 0, 65_535),
  keyword('*RssBaseProcNumber', 0, 0, null),
  keyword('*MaxRssProcessors', 16, 1, null),
  keyword('*RssMaxProcNumber', 63, 0, 63),
  keyword('*NumRSSQueues', 16, 1, null),
  keyword('*RssMaxProcGroup', 0, 0, null),
];

const byName = new Map(standardKeywords.map((entry) => [entry.name.toLowerCase(), entry]));

/** The keyword of that name, without regard to case. */
export function standardKeyword(name: string): StandardKeyword | undefined {
  return byName.get(name.toLowerCase());
}
