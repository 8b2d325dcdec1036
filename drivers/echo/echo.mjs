// The image that echo.inf installs: the driver of the package itself.
export { echo as default } from 'ndisbox/drivers';
