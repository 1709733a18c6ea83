import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { Users } from './users.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [AuditModule],
  controllers: [UsersController],
  providers: [Users, UsersService],
  exports: [Users],
})
export class UsersModule {}
