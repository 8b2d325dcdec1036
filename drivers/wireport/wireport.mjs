// The image that wireport.inf installs: the driver of the package itself.
export { wireport as default } from 'ndisbox/drivers';
