import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { TaskClient, type Sending } from '../../tasks/sending/task-client.js';
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
    // Outside the part that may be retried: a commit whose answer was lost must not leave a second task.
    const id = uuidv7();
    await inTransaction(this.database, async (tx) => {
      // Rows of the feature's own would be written here, with `tx`.
      await this.tasks.send(tx, addNumbersTask, terms, { ...sending, id });
    });
    return id;
  }
}
