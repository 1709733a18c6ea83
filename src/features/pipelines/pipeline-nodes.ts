import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { z } from 'zod';
import type { AnyNode } from './pipeline-node.js';
import { definedPipelines, type Pipeline } from './pipeline-definition.js';
import type { NodeSpec, Source } from './pipeline-graph.js';
import { misfit } from './schema-fit.js';

/**
 * The providers of all nodes. A worker whose pipelines lack one, or whose nodes do not fit together, does not start.
 */
@Injectable()
export class PipelineNodes implements OnModuleInit {
  private readonly found = new Map<NodeSpec, AnyNode>();

  constructor(private readonly modules: ModuleRef) {}

  onModuleInit(): void {
    for (const pipeline of definedPipelines()) {
      for (const node of pipeline.nodes.values()) this.found.set(node, this.find(pipeline, node));
      for (const node of pipeline.nodes.values()) this.check(pipeline, node);
    }
  }

  of(node: NodeSpec): AnyNode {
    return this.found.get(node)!;
  }

  private find(pipeline: Pipeline, { name, provider }: NodeSpec): AnyNode {
    try {
      return this.modules.get<AnyNode>(provider, { strict: false });
    } catch (error) {
      throw new Error(
        `Pipeline "${pipeline.name}": the node "${name}" needs the provider ${provider.name}. Add it to the providers of the pipeline's module.`,
        { cause: error },
      );
    }
  }

  /** @throws Error when a router has no such route, or an input cannot take what its source gives */
  private check(pipeline: Pipeline, node: NodeSpec): void {
    const problem = (what: string) =>
      new Error(`Pipeline "${pipeline.name}": the node "${node.name}" ${what}.`);
    const instance = this.of(node);
    if ('routes' in instance) {
      const unknown = node.routes.find((route) => !instance.routes.includes(route));
      if (unknown !== undefined) throw problem(`has no route "${unknown}"`);
    }
    for (const [field, source] of Object.entries(node.inputs)) {
      const input = (instance.input.shape as Record<string, z.ZodType>)[field];
      if (!input) throw problem(`has no input "${field}"`);
      for (const output of this.outputsOf(pipeline, source)) {
        const why = misfit(output, input);
        if (why !== undefined) throw problem(`cannot take what its input "${field}" gets: ${why}`);
      }
    }
    const lacking = Object.entries(instance.input.shape).find(
      ([field, schema]) => !(field in node.inputs) && !(schema as z.ZodType).isOptional(),
    );
    if (lacking) throw problem(`gets nothing for its input "${lacking[0]}"`);
  }

  private outputsOf({ event, nodes }: Pipeline, source: Source): z.ZodType[] {
    if (source.from === 'event') return [event.data];
    if (source.from === 'error') return [failureSchema];
    if (source.from === 'task') return [taskIdSchema];
    const names = source.from === 'first' ? source.nodes : [source.node];
    const outputs = names.map((name) => outputOf(this.of(nodes.get(name)!)));
    return source.from === 'optional' ? outputs.map((output) => output.nullable()) : outputs;
  }
}

const failureSchema = z.strictObject({ code: z.string(), message: z.string() });
const taskIdSchema = z.uuid().nullable();

/** The schema of what a node gives. */
export function outputOf(node: AnyNode): z.ZodType {
  if ('routes' in node) return z.enum(node.routes as [string, ...string[]]);
  return 'task' in node ? node.task.result : node.output;
}
