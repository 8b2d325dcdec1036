/**
 * Connection-oriented drivers for cell networks: a miniport and a call manager, or both in one, a client, and the switch
 * between machines. Read cell.ts, cellAdapter.ts, callControl.ts and phoneBinding.ts in this order.
 */

export { CellSwitch } from './cellSwitch.ts';
export { cellport } from './cellMiniport.ts';
export { cellcm } from './cellcm.ts';
export { cellmcm } from './cellmcm.ts';
export { Phone, PhoneCall, type PhoneParty } from './phone.ts';
export { phoneDriver } from './phoneDriver.ts';
