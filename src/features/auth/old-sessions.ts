import { expiredRows } from '../maintenance/old-rows.js';

/** They admit nobody; they only take up space. */
export const oldSessions = expiredRows('sessions', 'digest');
