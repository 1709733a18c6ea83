import type { Command } from 'commander';
import type { Pipeline } from '../../features/pipelines/pipeline-definition.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { allDefinitions } from '../definitions.js';
import { CliError, usageError } from '../exit.js';
import { list, table } from '../output.js';
import { idValue, jsonValue } from '../values.js';
import { userNamed } from './users.js';

/** What happens with events. */
export function pipelinesCommands(program: Command): void {
  const pipelines = group(program, 'pipelines', 'Look at pipelines, and send events to them.');
  command(pipelines, 'list', {
    description: 'List the pipelines, with the types of events that they take.',
    examples: [['pipelines list', 'all of them']],
  }).action(answers(listed));
  command(pipelines, 'graph', {
    description: 'Draw a pipeline as Mermaid.',
    examples: [
      ['pipelines graph photo_request', 'its nodes'],
      ['pipelines graph photo_request --event 0198c2f0-…', 'coloured by how far its run is'],
    ],
  })
    .argument('<name>', 'name of the pipeline')
    .option('--event <id>', 'colour the nodes by the newest run of this event', idValue)
    .action(answers(graph));
  command(pipelines, 'run', {
    description: 'Send an event, as POST /events does.',
    examples: [[`pipelines run generation_feedback --data '{…}' --owner alice`, '']],
    notes: 'Workers process it; `darkroom result <task> --wait` waits for that.',
  })
    .argument('<type>', 'type of the event')
    .option('--data <json>', 'the data of the event', jsonValue)
    .option('--owner <user>', 'whose event it is: name or id')
    .option('--id <id>', 'your own id of it: sent again with the same one, it is stored once')
    .action(answers(run));
}

async function all(): Promise<Pipeline[]> {
  await allDefinitions();
  const { PipelineRegistry } = await import('../../features/pipelines/pipeline-registry.js');
  return PipelineRegistry.all();
}

async function listed(): Promise<Answer> {
  const pipelines = await all();
  return {
    json: pipelines.map(({ name, description, event, nodes }) => ({
      name,
      description,
      event: event.type,
      from: event.from,
      nodes: [...nodes.keys()],
    })),
    text: table(
      ['pipeline', 'event', 'from', 'nodes', 'description'],
      pipelines.map(({ name, description, event, nodes }) => {
        return [name, event.type, event.from, String(nodes.size), description];
      }),
    ),
  };
}

async function graph(name: string, { event }: { event?: string }): Promise<Answer> {
  const pipelines = await all();
  const pipeline = pipelines.find((one) => one.name === name);
  if (!pipeline) {
    const names = pipelines.map((one) => one.name).toSorted();
    throw usageError(`There is no pipeline "${name}". Pipelines: ${names.join(', ')}.`);
  }
  const { pipelineDrawing } = await import('../../features/pipelines/pipeline-drawing.js');
  if (event === undefined) {
    const drawing = pipelineDrawing(pipeline);
    return { json: { name, drawing }, text: drawing };
  }
  return withDarkroom(async ({ get }) => {
    const { DataSource } = await import('typeorm');
    const { EventReader } = await import('../../features/events/event-reader.js');
    const reader = new EventReader(get(DataSource));
    const row = await reader.row(event);
    const found = row && (await reader.find(row));
    if (!found) throw new CliError(`There is no event ${event}.`);
    const { pipeline: of } = found.runs[0]!;
    if (of !== name) throw usageError(`That event is processed by the pipeline ${of}.`);
    return { json: { name, drawing: found.drawing }, text: found.drawing };
  });
}

async function run(
  type: string,
  { data, owner, id }: { data?: unknown; owner?: string; id?: string },
): Promise<Answer> {
  if (data === undefined) throw usageError('Give the data of the event with --data <json>.');
  if (owner === undefined) throw usageError('Say whose event it is with --owner <name>.');
  await allDefinitions();
  const { newEvent } = await import('../../features/events/events.dto.js');
  const read = newEvent.safeParse({ type, data, ...(id !== undefined && { id }) });
  if (!read.success) {
    const { z } = await import('zod');
    throw usageError(z.prettifyError(read.error));
  }
  return withDarkroom(async (darkroom) => {
    const { DataSource } = await import('typeorm');
    const { InvalidFieldsError } = await import('../../common/app-error.js');
    const { EventIntake } = await import('../../features/events/event-intake.js');
    const { OpenEvents } = await import('../../features/events/open-events.js');
    const { EventStore } = await import('../../features/pipelines/event-store.js');
    const { TaskClient } = await import('../../tasks/sending/task-client.js');
    const { id: ownerId } = await userNamed(darkroom, owner);
    const database = darkroom.get(DataSource);
    const store = new EventStore(darkroom.get(TaskClient));
    const intake = new EventIntake(database, store, new OpenEvents(database));
    try {
      const { id: eventId, runId } = await intake.accept(read.data, { ownerId });
      return {
        json: { event_id: eventId, task_id: runId },
        text: list([
          ['Event', eventId],
          ['Task', runId],
        ]),
      };
    } catch (error) {
      if (!(error instanceof InvalidFieldsError)) throw error;
      const reasons = error.details.errors!.map(({ path, message }) => `${path} ${message}`);
      throw usageError(`${reasons.join('; ')}.`);
    }
  });
}
