// The image that wireport51.inf installs: the driver of the package itself.
export { wireport51 as default } from 'ndisbox/drivers';
