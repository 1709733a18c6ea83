import { expiredRows } from '../maintenance/old-rows.js';

export const oldLogins = expiredRows('logins', 'id');
export const oldEmailLinks = expiredRows('email_links', 'id');
export const oldPasswordRequests = expiredRows('password_requests', 'id');
