// The image that vlan.inf installs: the driver of the package itself.
export { vlan as default } from 'ndisbox/drivers';
