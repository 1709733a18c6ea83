import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import type { Json } from '../../common/json.js';
import { isStorable, isStorableJson } from '../../common/storable-text.js';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { timeCursor, timeCursorOf } from '../../infrastructure/http/time-cursor.js';
import { NODE_STATES } from '../pipelines/node-states.js';
import type { NodeFailure } from '../pipelines/pipeline-node.js';
import { EVENT_STATUSES, type EventRow, type FoundEvent } from './event-rows.js';

export const mostInBatch = 1_000;
const maxPage = 200;

const text = (max: number) =>
  z.string().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character');

const fields = {
  type: text(100).describe(
    '`GET /api/v1/pipelines` lists the types, with the schemas of their data.',
  ),
  id: text(200)
    .optional()
    .describe('Your own id of it. Sent again with the same id, an event is stored once.'),
  data: z
    .record(z.string(), anyJson)
    .refine(isStorableJson, 'contains a NUL or a broken character'),
};

const example = {
  type: 'generation_feedback',
  id: 'feedback-17',
  data: { task_id: '01a21f65-e934-7703-8e5f-85676ab4dd59', rating: 5, text: 'Just as I meant it.' },
};

export const newEvent = z.strictObject(fields).meta({ example });
export type NewEvent = z.output<typeof newEvent>;

export const newEvents = z
  .strictObject({ events: z.array(z.strictObject(fields)).min(1).max(mostInBatch) })
  .meta({ example: { events: [example, { ...example, id: 'feedback-18' }] } });
export type NewEvents = z.output<typeof newEvents>;

const accepted = { event_id: z.uuid(), task_id: z.uuid() };
export const acceptedEvent = z.strictObject({ message: z.string(), ...accepted });
export type AcceptedEvent = z.output<typeof acceptedEvent>;
export const acceptedEvents = z.strictObject({
  message: z.string(),
  events: z.array(z.strictObject(accepted)).describe('In the order of the request.'),
});
export type AcceptedEvents = z.output<typeof acceptedEvents>;

const filters = {
  type: text(100).optional(),
  status: z.enum(EVENT_STATUSES).optional(),
};

export const listQuery = z.strictObject({
  ...filters,
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most events in one answer; at most ${maxPage}.`,
  ),
  cursor: timeCursor.optional().describe('`next_cursor` of the answer before.'),
});
export type ListQuery = z.output<typeof listQuery>;

export const reprocessRequest = z
  .strictObject({
    type: filters.type,
    status: z.enum(['FAILED', 'PROCESSED', 'REVOKED']).default('FAILED'),
    before: z.iso.datetime().optional().describe('Only events that were accepted before.'),
    limit: z.int().min(1).max(mostInBatch).default(mostInBatch),
  })
  .default({ status: 'FAILED', limit: mostInBatch })
  .meta({ example: { status: 'FAILED', limit: 100 } });
export type ReprocessRequest = z.output<typeof reprocessRequest>;
export const reprocessAnswer = z.strictObject({
  message: z.string(),
  events: z.array(z.strictObject(accepted)).describe('Those that run again, the oldest first.'),
});
export type ReprocessAnswer = z.output<typeof reprocessAnswer>;

const moment = z.iso.datetime().nullable();
const failure = z.strictObject({ code: z.string(), message: z.string() }).nullable();

const eventFields = {
  event_id: z.uuid(),
  id: z.string().nullable().describe('The id that its sender gave it.'),
  type: z.string(),
  status: z.enum(EVENT_STATUSES),
  task_id: z.uuid().describe('The newest run, which is a task.'),
  created_at: z.iso.datetime(),
  finished_at: moment,
};

export const eventList = z.strictObject({
  events: z.array(z.strictObject(eventFields)).describe('The newest first.'),
  next_cursor: z.string().nullable().describe('null: there are no more.'),
});
export type EventList = z.output<typeof eventList>;

const nodeOfRun = z.strictObject({
  node: z.string(),
  state: z.enum([...NODE_STATES, 'PENDING']).describe('PENDING: it has not begun, or runs.'),
  output: anyJson,
  error: failure,
  failures: z.int().describe('Attempts that have failed.'),
  task_id: z.uuid().nullable().describe('The task that it has sent and waits for.'),
  retry_at: moment,
  started_at: moment,
  finished_at: moment,
  seconds: z.number().nullable(),
});

export const shownEvent = z.strictObject({
  ...eventFields,
  data: z.record(z.string(), anyJson),
  pipeline: z.string(),
  error: failure,
  task_context: z
    .strictObject({ nodes: z.array(nodeOfRun) })
    .describe('What each node of the newest run has done, in the order of the pipeline.'),
  runs: z
    .array(
      z.strictObject({
        task_id: z.uuid(),
        state: z.enum(['RUNNING', 'SUCCESS', 'FAILURE', 'REVOKED']),
        error: failure,
        created_at: z.iso.datetime(),
        finished_at: moment,
      }),
    )
    .describe('The newest first, ten at most.'),
  drawing: z.string().describe('The pipeline in Mermaid, coloured by the states of its nodes.'),
});
export type ShownEvent = z.output<typeof shownEvent>;

export function eventListOf(found: EventRow[], limit: number): EventList {
  const page = found.slice(0, limit);
  const last = found.length > limit ? page.at(-1)! : null;
  return {
    events: page.map(eventFieldsOf),
    next_cursor: last && timeCursorOf(last.createdAt, last.id),
  };
}

function eventFieldsOf(event: EventRow) {
  return {
    event_id: event.id,
    id: event.producerId,
    type: event.type,
    status: event.status,
    task_id: event.runId,
    created_at: event.createdAt.toISOString(),
    finished_at: event.finishedAt?.toISOString() ?? null,
  };
}

export function shownEventOf({ event, data, runs, nodes, drawing }: FoundEvent): ShownEvent {
  const [newest] = runs;
  return {
    ...eventFieldsOf(event),
    data: data as Record<string, Json>,
    pipeline: newest!.pipeline,
    error: failureOf(newest!.error),
    task_context: {
      nodes: nodes.map((node) => ({
        node: node.node,
        state: node.state,
        output: node.output,
        error: failureOf(node.error),
        failures: node.failures,
        task_id: node.taskId,
        retry_at: node.retryAt?.toISOString() ?? null,
        started_at: node.startedAt?.toISOString() ?? null,
        finished_at: node.finishedAt?.toISOString() ?? null,
        seconds: secondsOf(node),
      })),
    },
    runs: runs.map((run) => ({
      task_id: run.id,
      state: run.state,
      error: failureOf(run.error),
      created_at: run.createdAt.toISOString(),
      finished_at: run.finishedAt?.toISOString() ?? null,
    })),
    drawing,
  };
}

/** Whether a retry could help is of no use here: an event is run again by whoever has found out why. */
function failureOf(error: NodeFailure | null): NodeFailure | null {
  return error && { code: error.code, message: error.message };
}

function secondsOf({ startedAt, finishedAt }: FoundEvent['nodes'][number]): number | null {
  if (!startedAt || !finishedAt) return null;
  return Math.max(0, finishedAt.getTime() - startedAt.getTime()) / 1_000;
}
