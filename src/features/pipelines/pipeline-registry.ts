import { definedPipelines, type Pipeline } from './pipeline-definition.js';

/** Finds the pipeline of an event. */
export const PipelineRegistry = {
  /** @returns undefined when no pipeline takes events of this type */
  getPipeline(type: string): Pipeline | undefined {
    return definedPipelines().find(({ event }) => event.type === type);
  },

  named(name: string): Pipeline | undefined {
    return definedPipelines().find((pipeline) => pipeline.name === name);
  },

  all(): Pipeline[] {
    return definedPipelines();
  },
};
