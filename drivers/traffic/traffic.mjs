// The image that traffic.inf installs: the driver of the package itself.
export { traffic as default } from 'ndisbox/drivers';
