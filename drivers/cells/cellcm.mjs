// The image that cellcm.inf installs: the driver of the package itself.
export { cellcm as default } from 'ndisbox/drivers';
