import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { TaskClient, type Sending } from '../../tasks/task-client.js';
import type { CalculateQuery } from './calculate.dto.js';
import { addNumbersTask } from './calculate.tasks.js';

@Injectable()
export class CalculateService {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  /** @returns id of the task */
  async start(terms: CalculateQuery, sending: Sending): Promise<string> {
    return inTransaction(this.database, async (tx) => {
      // Rows of the feature's own would be written here, with `tx`.
      const sent = await this.tasks.send(tx, addNumbersTask, terms, sending);
      return sent.id;
    });
  }
}
