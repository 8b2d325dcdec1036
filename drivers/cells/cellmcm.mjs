// The image that cellmcm.inf installs: the driver of the package itself.
export { cellmcm as default } from 'ndisbox/drivers';
