// Stands for the driver that a test gives.
export { phoneDriver as default } from 'ndisbox/drivers';
