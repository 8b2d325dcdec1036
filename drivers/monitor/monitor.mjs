// The image that monitor.inf installs: the driver of the package itself.
export { monitor as default } from 'ndisbox/drivers';
