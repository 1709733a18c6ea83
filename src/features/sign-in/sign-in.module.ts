import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { LoginController } from './login.controller.js';
import { SignIn } from './sign-in.js';

/** The login page: browser sessions for Bull Board and the docs. */
@Module({
  imports: [AuthModule, AccountsModule],
  controllers: [LoginController],
  providers: [SignIn],
})
export class SignInModule {}
