import { SessionEntity } from './session.entity.js';
import { UserEntity } from './user.entity.js';

/** For the list of `DatabaseModule.with`. */
export const authEntities = [UserEntity, SessionEntity];
