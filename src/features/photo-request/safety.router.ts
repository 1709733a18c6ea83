import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { RouterNode } from '../pipelines/pipeline-node.js';
import { builtPrompt } from './prompt.node.js';
import { refusalOf } from './safety-rules.js';

const input = z.strictObject({ prompt: builtPrompt });
type Route = 'allowed' | 'refused';

/** Whether the picture may be made. */
@Injectable()
export class SafetyRouter extends RouterNode<typeof input, Route> {
  readonly input = input;
  readonly routes: readonly Route[] = ['allowed', 'refused'];

  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'blockedWords'>) {
    super();
  }

  async route({ prompt: { prompt } }: z.output<typeof input>): Promise<Route> {
    return refusalOf(prompt, this.settings.blockedWords) === undefined ? 'allowed' : 'refused';
  }
}
