import { Module } from '@nestjs/common';
import { ServerSecret } from './server-secret.js';

@Module({ providers: [ServerSecret], exports: [ServerSecret] })
export class SecretModule {}
