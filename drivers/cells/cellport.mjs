// The image that cellport.inf installs: the driver of the package itself.
export { cellport as default } from 'ndisbox/drivers';
