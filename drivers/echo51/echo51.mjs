// The image that echo51.inf installs: the driver of the package itself.
export { echo51 as default } from 'ndisbox/drivers';
