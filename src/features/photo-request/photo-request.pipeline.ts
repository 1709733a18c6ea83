import { definePipeline } from '../pipelines/pipeline-definition.js';
import { ImageNode } from './image.node.js';
import { LastMessagesNode } from './last-messages.node.js';
import { NotifyNode } from './notify.node.js';
import { photoRequestEvent } from './photo-request.event.js';
import { PromptNode } from './prompt.node.js';
import { FailureRouter, RejectedNode, UnsafeNode } from './refusal.nodes.js';
import { SafetyRouter } from './safety.router.js';
import { SaveRefusalNode } from './save-refusal.node.js';

definePipeline({
  name: 'photo_request',
  description: 'Makes a picture of a chat character, from what was said and the character’s card.',
  event: photoRequestEvent,
  nodes: (graph, request) => {
    const messages = graph.node('last_messages', LastMessagesNode, { request });
    const prompt = graph.node('prompt', PromptNode, { request, messages });
    const safety = graph.router('safety', SafetyRouter, { prompt });
    const image = graph.task(
      'image',
      ImageNode,
      { request, prompt },
      { when: safety.is('allowed'), onError: 'branch' },
    );
    const failure = graph.router(
      'failure',
      FailureRouter,
      { task_id: image.taskId },
      { when: image.failed },
    );
    const refusal = graph.first(
      graph.node('unsafe', UnsafeNode, {}, { when: safety.is('refused') }),
      graph.node(
        'rejected',
        RejectedNode,
        { error: image.error },
        { when: failure.is('rejected') },
      ),
    );
    graph.task('save', SaveRefusalNode, { request, refusal }, { onError: 'skip' });
    graph.node('notify', NotifyNode, { request, refusal });
  },
});
