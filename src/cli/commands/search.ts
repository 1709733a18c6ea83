import type { Command } from 'commander';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { CliError, exitCodes } from '../exit.js';
import { counted } from '../output.js';

/** The index of Elasticsearch that events are searched in. */
export function searchCommands(program: Command): void {
  const search = group(program, 'search', 'Look after the index that events are searched in.');
  command(search, 'reindex', {
    description: 'Have all events indexed by Elasticsearch again, from the database.',
    examples: [['search reindex', 'after ELASTICSEARCH_URL was set, or its index was lost']],
    notes: `A worker does it, in batches; new events wait behind the older ones. Searches go on. To start
from an empty index, delete it before.`,
  }).action(answers(reindex));
}

async function reindex(): Promise<Answer> {
  return withDarkroom(async ({ get, settings }) => {
    if (settings.elasticsearch === undefined) {
      const why = 'ELASTICSEARCH_URL is not set: Postgres searches, and needs no index.';
      throw new CliError(why, exitCodes.usage);
    }
    const { DataSource } = await import('typeorm');
    const { inTransaction } = await import('../../infrastructure/database/transaction.js');
    const { TaskClient } = await import('../../tasks/sending/task-client.js');
    const { DocumentsToIndex } = await import('../../features/event-search/documents-to-index.js');
    const { IndexingRequests } = await import('../../features/event-search/indexing-requests.js');
    const database = get(DataSource);
    const requests = new IndexingRequests(get(TaskClient));
    const events = await new DocumentsToIndex(database).reset();
    await inTransaction(database, (tx) => requests.request(tx));
    return { json: { events }, text: `${counted(events, 'event')} will be indexed again.` };
  });
}
