import { Module } from '@nestjs/common';
import { CreditAccounts } from './credit-accounts.js';
import { CreditCheck } from './credit-check.js';
import { CreditGrants } from './credit-grants.js';
import { CreditHolds } from './credit-holds.js';
import { CreditStatements } from './credit-statements.js';
import { LowCredits } from './low-credits.js';

const services = [
  CreditAccounts,
  CreditHolds,
  CreditGrants,
  CreditStatements,
  CreditCheck,
  LowCredits,
];

/** The ledger of credits. */
@Module({ providers: services, exports: services })
export class CreditLedgerModule {}
