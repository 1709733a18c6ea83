import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { StoredFiles } from '../../src/features/stored-files/stored-files.js';
import { completeWith, type TaskContext } from '../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

export const listTasksTask = defineTask({
  name: 'list_tasks',
  queue: 'low_priority',
  payload: z.null(),
  result: z.strictObject({ file_id: z.uuid(), url: z.string() }),
  needsOwner: true,
});

@Injectable()
export class ListTasksProcessor {
  constructor(
    private readonly database: DataSource,
    private readonly files: StoredFiles,
  ) {}

  @HandlesTask(listTasksTask)
  async list(_payload: null, { ownerId, correlationId }: TaskContext) {
    const found = await this.database.query<{ id: string; name: string }[]>(
      'SELECT id, name FROM tasks WHERE owner_id = $1 ORDER BY id LIMIT 10000',
      [ownerId],
    );
    const bytes = Buffer.from(found.map(({ id, name }) => `${id},${name}\n`).join(''));
    return completeWith(async (tx) => {
      const file = { bytes, contentType: 'text/csv', name: 'tasks.csv', correlationId };
      const { id } = await this.files.add(tx, { ownerId: ownerId!, ...file });
      return { file_id: id, url: `/api/v1/files/${id}` };
    });
  }
}
