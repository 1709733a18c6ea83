import { expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { uploadToCloudTask } from '../../src/features/storage/storage.tasks.js';
import { StoredFiles } from '../../src/features/stored-files/stored-files.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';
import { openTaskLab } from '../support/task-lab.js';
import { listTasksTask, ListTasksProcessor } from './file-task.js';

@Injectable()
class Uploads {
  @HandlesTask(uploadToCloudTask)
  async upload() {
    return null;
  }
}

it('a handler makes a file, and its upload is sent with the end of its task', async () => {
  const lab = await openTaskLab('postgres', {
    providers: [ListTasksProcessor, StoredFiles, Uploads],
    serve: ['low_priority'],
  });
  try {
    const ownerId = uuidv7();
    const sent = await lab.client.send(lab.database.manager, listTasksTask, null, { ownerId });
    const { file_id } = (await sent.get({ timeoutMs: 30_000 }))!;
    const files = lab.get(StoredFiles);
    const found = await files.findSpooled(file_id);
    expect(String(found!.spooled)).toBe(`${sent.id},list_tasks\n`);
    expect(found!.file.objectKey).toBe(`files/${file_id}/tasks.csv`);
    const [upload] = await lab.database.query(
      `SELECT payload, owner_id FROM tasks WHERE name = 'upload_to_cloud_task'`,
    );
    expect(upload).toEqual({ payload: { file_id }, owner_id: ownerId });

    const tx = lab.database.manager;
    const bytes = Buffer.from('x');
    for (const wrong of [
      { name: '../up', contentType: 'text/csv' },
      { name: 'a/b', contentType: 'text/csv' },
      { name: '', contentType: 'text/csv' },
      { name: 'a', contentType: 'text/csv\r\nx: y' },
    ]) {
      await expect(files.add(tx, { ownerId, bytes, ...wrong })).rejects.toThrow(RangeError);
    }
  } finally {
    await lab.close();
  }
});
