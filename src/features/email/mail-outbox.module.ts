import { Module } from '@nestjs/common';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { EmailLinks } from './email-links.js';

@Module({ imports: [SecretModule], providers: [EmailLinks], exports: [EmailLinks] })
export class EmailLinksModule {}
