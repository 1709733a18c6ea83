import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { messageOf } from '../../common/message-of.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, usageError } from '../exit.js';
import { list, moment } from '../output.js';
import { userNamed } from './users.js';

const mediaType = /^[a-z]+\/[a-z0-9.+-]{1,100}$/;

/** What waits for the object storage, and a way to put a file there. */
export function storageCommands(program: Command): void {
  const storage = group(program, 'storage', 'Look at what waits for the object storage.');
  command(storage, 'status', {
    description: 'Show where objects are, and what waits in the database for that.',
    examples: [['storage status', 'how much waits, and since when']],
  }).action(answers(status));
  command(program, 'upload', {
    description: 'Store a file of this machine, as a task would that has made it.',
    examples: [
      ['upload report.csv --owner admin --type text/csv', ''],
      ['upload picture.png --owner alice', 'its type is known by its first bytes'],
    ],
    notes: `Prints its id, the path of the API that serves it to its owner, and the key of its object. A
worker then moves it to the storage. At most 64 MB.`,
  })
    .argument('<file>', 'path of the file')
    .option('--owner <user>', 'whose file it is: name or id')
    .option('--type <type>', 'content type (default: of a picture its own, else octet-stream)')
    .action(answers(upload));
}

async function status(): Promise<Answer> {
  return withDarkroom(async ({ get, settings }) => {
    const { DataSource } = await import('typeorm');
    const { openStorage } = await import('../../features/storage/storage.module.js');
    const { Spool } = await import('../../features/stored-files/spool.js');
    const { StorageStatus } = await import('../../features/uploads/storage-status.js');
    const { PutOffTasks } = await import('../../tasks/operations/put-off-tasks.js');
    const spool = new Spool(get(DataSource));
    const of = await openStorage(settings);
    const report = await new StorageStatus(of, spool, get(PutOffTasks), settings).report();
    const { files, bytes, max_bytes: most, oldest_at: oldest } = report.spool;
    return {
      json: report,
      text: list([
        ['Storage', report.storage],
        ['In the spool', `${files} files, ${bytes} bytes of ${most ?? 'any number'}`],
        ['Since', oldest === null ? '-' : moment(new Date(oldest))],
        ['Put off', report.put_off],
        ['Away since', report.away_since === null ? '-' : moment(new Date(report.away_since))],
      ]),
    };
  });
}

async function upload(
  path: string,
  { owner, type }: { owner?: string; type?: string },
): Promise<Answer> {
  if (owner === undefined) throw usageError('Say whose file it is with --owner <name>.');
  if (type !== undefined && !mediaType.test(type)) {
    throw usageError('Write a content type as type/subtype: text/csv.');
  }
  const { maxFileBytes, StoredFiles } = await import('../../features/stored-files/stored-files.js');
  const bytes = await contentsOf(path, maxFileBytes);
  return withDarkroom(async (darkroom) => {
    const { DataSource } = await import('typeorm');
    const { pictureTypeOf } = await import('../../features/images/picture-type.js');
    const { inTransaction } = await import('../../infrastructure/database/transaction.js');
    const { TaskClient } = await import('../../tasks/sending/task-client.js');
    const { id: ownerId } = await userNamed(darkroom, owner);
    const contentType = type ?? pictureTypeOf(bytes) ?? 'application/octet-stream';
    const database = darkroom.get(DataSource);
    const files = new StoredFiles(database, darkroom.get(TaskClient));
    const file = { ownerId, bytes, contentType, name: safeName(path) };
    const { id, objectKey } = await inTransaction(database, (tx) => files.add(tx, file));
    const url = `/api/v1/files/${id}`;
    return {
      json: { file_id: id, url, object_key: objectKey },
      text: list([
        ['File', id],
        ['URL', url],
        ['Object', objectKey],
      ]),
    };
  });
}

async function contentsOf(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw usageError(`${path} is larger than 64 MB.`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${path} cannot be read: ${messageOf(error)}.`);
  }
}

/** The name of the file as a part of a key. */
function safeName(path: string): string {
  const name = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
  return (
    name
      .replace(/^[._-]+/, '')
      .slice(-100)
      .replace(/^[._-]+/, '') || 'file'
  );
}
