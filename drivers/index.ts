/** The drivers that come with ndisbox, written as models for users. Read wireport first. */

export { wireport } from './wireport/wireport.ts';
export { wireport51 } from './wireport51/wireport51.ts';
export { pass51 } from './pass51/pass51.ts';
export { echo } from './echo/echo.ts';
export { echo51 } from './echo51/echo51.ts';
export { mux } from './mux/mux.ts';
export { sniff } from './sniff/sniff.ts';
export { passthrough } from './passthrough/passthrough.ts';
export { monitor } from './monitor/monitor.ts';
export { vlan } from './vlan/vlan.ts';
export { traffic } from './traffic/traffic.ts';
export { cardport } from './cardport/cardport.ts';
export { cellport } from './cells/cellMiniport.ts';
export { cellcm } from './cells/cellcm.ts';
export { cellmcm } from './cells/cellmcm.ts';
