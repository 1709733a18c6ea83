import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { ChatReaderModule } from '../chat-history/chat-reader.module.js';
import { MailOutboxModule } from '../email/mail-outbox.module.js';
import { GenerationStoreModule } from '../image-generation/generation-store.module.js';
import { WebhookEventsModule } from '../webhooks/webhook-events.module.js';
import { ImageNode } from './image.node.js';
import { LastMessagesNode } from './last-messages.node.js';
import { NotifyNode } from './notify.node.js';
import './photo-request.pipeline.js';
import { PromptNode } from './prompt.node.js';
import { FailureRouter, RejectedNode, UnsafeNode } from './refusal.nodes.js';
import { SafetyRouter } from './safety.router.js';
import { SaveRefusalNode } from './save-refusal.node.js';

/** Runs the nodes of `photo_request`. */
@Module({
  imports: [
    ChatReaderModule,
    GenerationStoreModule,
    MailOutboxModule,
    TasksModule,
    WebhookEventsModule,
  ],
  providers: [
    LastMessagesNode,
    PromptNode,
    SafetyRouter,
    ImageNode,
    FailureRouter,
    UnsafeNode,
    RejectedNode,
    SaveRefusalNode,
    NotifyNode,
  ],
})
export class PhotoRequestWorkerModule {}
