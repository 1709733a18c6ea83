import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AdminKey } from './admin-key.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { AuthGate } from './auth-gate.js';
import { AuthGuard } from './auth.guard.js';
import { AuthService } from './auth.service.js';
import { FailedCredentials } from './failed-credentials.js';
import { LoginController } from './login.controller.js';
import { SessionEntity } from './session.entity.js';
import { UserEntity } from './user.entity.js';

/** For the list of `DatabaseModule.with`. */
export const authEntities = [UserEntity, ApiKeyEntity, SessionEntity];

/** Importing it puts the guard on every route of the process. */
@Module({
  controllers: [LoginController],
  providers: [
    AuthService,
    AdminKey,
    AuthGate,
    FailedCredentials,
    { provide: APP_GUARD, useClass: AuthGuard },
  ],
  exports: [AuthService, AdminKey, AuthGate],
})
export class AuthModule {}
