import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { MailOutboxModule } from '../email/mail-outbox.module.js';
import { LifecycleEventsModule } from '../user-lifecycle/lifecycle-events.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountDeletion } from './account-deletion.js';
import { AccountPageController } from './account-page.controller.js';
import { AccountsController } from './accounts.controller.js';
import { AccountsService } from './accounts.service.js';
import { MailRequests, MailsToAddress, WrongPasswords } from './limits.js';
import { Logins } from './logins.js';
import { PasswordLoginController } from './password-login.controller.js';
import { PasswordLoginService } from './password-login.service.js';
import { PasswordsOfUsers } from './passwords-of-users.js';
import { Registration } from './registration.js';

@Module({
  imports: [
    AuditModule,
    AuthModule,
    LifecycleEventsModule,
    MailOutboxModule,
    TasksModule,
    UsersModule,
  ],
  controllers: [AccountsController, PasswordLoginController, AccountPageController],
  providers: [
    AccountsService,
    PasswordLoginService,
    Registration,
    PasswordsOfUsers,
    AccountDeletion,
    Logins,
    MailRequests,
    MailsToAddress,
    WrongPasswords,
  ],
  exports: [PasswordLoginService],
})
export class AccountsModule {}
