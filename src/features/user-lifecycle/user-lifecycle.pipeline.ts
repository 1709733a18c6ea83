import { definePipeline } from '../pipelines/pipeline-definition.js';
import {
  ConfirmationMailNode,
  CreditsLowMailNode,
  CreditsLowWebhookNode,
  KindRouter,
  WelcomeMailNode,
} from './lifecycle.nodes.js';
import { userLifecycleEvent } from './user-lifecycle.event.js';

definePipeline({
  name: userLifecycleEvent.type,
  description: 'Writes to users, and tells their webhooks, when something happens to the account.',
  event: userLifecycleEvent,
  nodes: (graph, happened) => {
    const kind = graph.router('kind', KindRouter, { happened });
    const [registered, verified] = [kind.is('registered'), kind.is('verified')];
    const creditsLow = kind.is('credits_low');
    graph.node('confirmation_mail', ConfirmationMailNode, { happened }, { when: registered });
    graph.node('welcome_mail', WelcomeMailNode, {}, { when: verified });
    graph.node('credits_low_mail', CreditsLowMailNode, { happened }, { when: creditsLow });
    graph.node('credits_low_webhook', CreditsLowWebhookNode, { happened }, { when: creditsLow });
  },
});
