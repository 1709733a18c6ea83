import {
  Logger,
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type LoggerService,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule, type Settings } from '../config/config.module.js';
import type { Environment } from '../config/environment.js';
import { AccountDeletion } from '../features/accounts/account-deletion.js';
import { UserRoles } from '../features/accounts/user-roles.js';
import { ApiKeys } from '../features/auth/api-keys.js';
import { AuthService } from '../features/auth/auth.service.js';
import { UserEntity } from '../features/auth/user.entity.js';
import { MailOutboxModule } from '../features/email/mail-outbox.module.js';
import { CreditLedgerModule } from '../features/credits/credit-ledger.module.js';
import { Users } from '../features/users/users.js';
import { DatabaseModule } from '../infrastructure/database/database.module.js';
import { TaskEntity } from '../tasks/ledger/task.entity.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { say } from './command.js';

/** The entities that the commands read. Not those of `entities.ts`: the commands need no others. */
const entities = [TaskEntity, UserEntity];

/** Everything needed to ask and to send. Nothing here runs tasks or answers HTTP. */
@Module({})
class CliModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: CliModule,
      imports: [
        ConfigModule.with(settings),
        DatabaseModule.with(entities),
        TasksModule,
        CreditLedgerModule,
        MailOutboxModule,
      ],
      providers: [AuthService, ApiKeys, Users, UserRoles, AccountDeletion],
    };
  }
}

/** Standard output belongs to the answer; warnings and errors go to standard error. */
class CliLogger implements LoggerService {
  log(): void {}

  warn(message: unknown): void {
    say(`darkroom: ${String(message)}`);
  }

  error(message: unknown): void {
    this.warn(message);
  }
}

export async function openContext(
  env: Environment & { databaseUrl: string },
): Promise<INestApplicationContext> {
  // It runs no task and, as a child of a pool, starts nothing by itself: no reconciler.
  const settings = { ...env, shutdownGraceMs: 0, childProgram: '', isChild: true };
  const logger = new CliLogger();
  Logger.overrideLogger(logger);
  return NestFactory.createApplicationContext(CliModule.with(settings), {
    logger,
    abortOnError: false,
  });
}
