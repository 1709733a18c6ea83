import { authEntities } from './features/auth/auth-entities.js';
import { GeneratedImageEntity } from './features/images/generated-image.entity.js';
import { TaskEntity } from './tasks/ledger/task.entity.js';

/** The tables that TypeORM maps; the migrations are in migrations.ts. */
export const entities = [TaskEntity, GeneratedImageEntity, ...authEntities];
