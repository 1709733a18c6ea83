import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TaskClaims } from './task-claims.js';
import { TaskInserts } from './task-inserts.js';
import { TaskLeases } from './task-leases.js';
import { TaskTransitions } from './task-transitions.js';
import { TaskEntity } from './task.entity.js';

const services = [TaskInserts, TaskClaims, TaskTransitions, TaskLeases];

/** The rows of tasks, and the statements that insert, claim and change them. */
@Module({
  imports: [TypeOrmModule.forFeature([TaskEntity])],
  providers: services,
  exports: [...services, TypeOrmModule],
})
export class LedgerModule {}
