// The image that cardport.inf installs: the driver of the package itself.
export { cardport as default } from 'ndisbox/drivers';
