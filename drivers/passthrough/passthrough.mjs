// The image that passthrough.inf installs: the driver of the package itself.
export { passthrough as default } from 'ndisbox/drivers';
