// The image that sniff.inf installs: the driver of the package itself.
export { sniff as default } from 'ndisbox/drivers';
