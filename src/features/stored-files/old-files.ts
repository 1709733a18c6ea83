import { expiredRows } from '../maintenance/old-rows.js';

/** Uploads whose time is over. The nightly collection deletes their objects. */
export const oldFiles = expiredRows('stored_files', 'id');
