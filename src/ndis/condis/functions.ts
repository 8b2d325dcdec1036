/** The functions of connection-oriented drivers, in the order in which calls use them. */

export * from './offerFamily.ts';
export * from './openFamily.ts';
export * from './sap.ts';
export * from './createVc.ts';
export * from './activateVc.ts';
export * from './makeCall.ts';
export * from './incomingCall.ts';
export * from './coSend.ts';
export * from './coReceive.ts';
export * from './coStatus.ts';
export * from './coOidRequest.ts';
export * from './vcNames.ts';
export * from './parties.ts';
export * from './closeCall.ts';
export * from './deleteVc.ts';
export * from './closeFamily.ts';
export * from './mcmMacros.ts';
