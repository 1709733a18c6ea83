import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { CreditLedgerModule } from './credit-ledger.module.js';
import { CreditsController } from './credits.controller.js';
import { CreditsService } from './credits.service.js';

@Module({
  imports: [AuditModule, CreditLedgerModule],
  controllers: [CreditsController],
  providers: [CreditsService],
})
export class CreditsModule {}
