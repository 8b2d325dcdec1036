// The image that pass51.inf installs: the driver of the package itself.
export { pass51 as default } from 'ndisbox/drivers';
