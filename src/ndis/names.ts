/** Names of statuses and OIDs for traces and messages. */

import { hexadecimal, nameTable, ntstatusName } from '../kernel/index.ts';
import * as oids from './generated/constants/oids.ts';
import * as statuses from './generated/constants/statuses.ts';

const statusNames = nameTable(statuses, (name) => name === 'NDIS_STATUS_INCOMPATABLE_QOS');
const oidNames = nameTable(oids, (name) => name.startsWith('OID_GEN_CO_'));

/** Name of an NDIS_STATUS, or else of an NTSTATUS; the hexadecimal form when it has neither. */
export function statusName(value: number): string {
  return statusNames(value) ?? ntstatusName(value);
}

/** Name of an OID; its hexadecimal form when it has none. */
export function oidName(value: number): string {
  return oidNames(value) ?? hexadecimal(value);
}
