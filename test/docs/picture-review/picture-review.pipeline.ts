import { definePipeline } from '../../../src/features/pipelines/pipeline-definition.js';
import { pictureReview } from './picture-review.event.js';
import { KeepReview, Language, SplitIntoWords, Translate } from './picture-review.nodes.js';

export const pictureReviewPipeline = definePipeline({
  name: 'picture_review',
  description: 'Keeps what people write about pictures, in English.',
  event: pictureReview,
  nodes(graph, review) {
    const split = graph.node('split', SplitIntoWords, { review });
    const language = graph.router('language', Language, { split });
    const translate = graph.task(
      'translate',
      Translate,
      { review },
      { when: language.is('other'), onError: 'skip' },
    );
    graph.node('keep', KeepReview, { review, translated: translate.orNull });
  },
});
