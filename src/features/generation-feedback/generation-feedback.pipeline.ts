import { definePipeline } from '../pipelines/pipeline-definition.js';
import {
  FlagNode,
  FlagRouter,
  GenerationNode,
  ModelFiguresNode,
  StoreFeedbackNode,
} from './feedback.nodes.js';
import { generationFeedbackEvent } from './generation-feedback.event.js';

definePipeline({
  name: 'generation_feedback',
  description: 'Keeps what users say of their generations, and shows admins what they should see.',
  event: generationFeedbackEvent,
  nodes: (graph, feedback) => {
    const generation = graph.node('generation', GenerationNode, { feedback });
    const store = graph.node('store', StoreFeedbackNode, { feedback, generation });
    graph.node('model_figures', ModelFiguresNode, { generation }, { after: [store] });
    const verdict = graph.router('verdict', FlagRouter, { feedback }, { after: [store] });
    graph.node('flag', FlagNode, { generation }, { when: verdict.is('flagged') });
  },
});
