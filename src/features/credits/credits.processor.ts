import { Injectable, Logger } from '@nestjs/common';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { CreditCheck } from './credit-check.js';
import { CreditGrants } from './credit-grants.js';
import { checkCreditsTask, grantMonthlyCreditsTask } from './credits.tasks.js';

@Injectable()
export class CreditsProcessor {
  private readonly log = new Logger('Credits');

  constructor(
    private readonly grants: CreditGrants,
    private readonly check: CreditCheck,
  ) {}

  @HandlesTask(grantMonthlyCreditsTask)
  async grantMonthly(_payload: null, { signal }: TaskContext) {
    return this.grants.grantMonthly(signal);
  }

  @HandlesTask(checkCreditsTask)
  async checkLedger() {
    const broken = await this.check.broken();
    for (const { invariant, taskId, userId, problem } of broken) {
      const what = taskId === null ? `the account of user ${userId}` : `task ${taskId}`;
      this.log.error(`${invariant} does not hold: ${what} ${problem}`);
    }
    return broken.length;
  }
}
