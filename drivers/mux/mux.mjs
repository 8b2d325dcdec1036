// The image that mux.inf installs: the driver of the package itself.
export { mux as default } from 'ndisbox/drivers';
