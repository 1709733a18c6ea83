import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import type { Json } from '../../common/json.js';
import { nodesBefore } from '../pipelines/pipeline-graph.js';
import { pipelineDrawing } from '../pipelines/pipeline-drawing.js';
import type { Pipeline } from '../pipelines/pipeline-definition.js';
import { PipelineRegistry } from '../pipelines/pipeline-registry.js';

const shownPipeline = z.strictObject({
  name: z.string(),
  description: z.string(),
  event: z.strictObject({
    type: z.string(),
    description: z.string(),
    from: z.enum(['anyone', 'darkroom']).describe('`darkroom`: it cannot be sent by others.'),
    schema: z.record(z.string(), anyJson).describe('JSON Schema of its data.'),
  }),
  nodes: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(['node', 'router', 'task']),
      after: z.array(z.string()).describe('The nodes that are over before it begins.'),
      max_retries: z.int(),
      timeout_seconds: z.number(),
      on_error: z.enum(['fail', 'skip', 'branch']),
    }),
  ),
  drawing: z.string().describe('Mermaid.'),
});
export const pipelineList = z.strictObject({ pipelines: z.array(shownPipeline) });
export type PipelineList = z.output<typeof pipelineList>;

export function pipelineListOf(): PipelineList {
  return { pipelines: PipelineRegistry.all().map(shownPipelineOf) };
}

function shownPipelineOf(pipeline: Pipeline): PipelineList['pipelines'][number] {
  const { name, description, event, nodes } = pipeline;
  return {
    name,
    description,
    event: {
      type: event.type,
      description: event.description,
      from: event.from,
      schema: schemaOf(event.data),
    },
    nodes: [...nodes.values()].map((node) => ({
      name: node.name,
      kind: node.kind,
      after: nodesBefore(node),
      max_retries: node.retry.max,
      timeout_seconds: node.timeoutMs / 1_000,
      on_error: node.onError,
    })),
    drawing: pipelineDrawing(pipeline),
  };
}

function schemaOf(data: z.ZodType): Record<string, Json> {
  return z.toJSONSchema(data, { io: 'input', unrepresentable: 'any' }) as Record<string, Json>;
}
