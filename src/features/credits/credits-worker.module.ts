import { Module } from '@nestjs/common';
import { CreditLedgerModule } from './credit-ledger.module.js';
import { CreditsProcessor } from './credits.processor.js';

@Module({ imports: [CreditLedgerModule], providers: [CreditsProcessor] })
export class CreditsWorkerModule {}
