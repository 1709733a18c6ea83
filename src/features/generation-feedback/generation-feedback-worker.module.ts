import { Module } from '@nestjs/common';
import { FeedbackRows } from './feedback-rows.js';
import {
  FlagNode,
  FlagRouter,
  GenerationNode,
  ModelFiguresNode,
  StoreFeedbackNode,
} from './feedback.nodes.js';
import './generation-feedback.pipeline.js';

/** Runs the nodes of `generation_feedback`. */
@Module({
  providers: [
    FeedbackRows,
    GenerationNode,
    StoreFeedbackNode,
    ModelFiguresNode,
    FlagRouter,
    FlagNode,
  ],
})
export class GenerationFeedbackWorkerModule {}
