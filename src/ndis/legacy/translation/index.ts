/**
 * Between NDIS_PACKET and NET_BUFFER_LIST. `miniportSendsOf` and `miniportReceivesOf` are for NDIS 5 miniport drivers
 * below NDIS 6; `listShellsOf` and `packetShellsOf` are what they, and NDIS 5 protocol drivers, are made of.
 */

export * from './information.ts';
export * from './packetShells.ts';
export * from './listShells.ts';
export * from './miniportSends.ts';
export * from './miniportReceives.ts';
