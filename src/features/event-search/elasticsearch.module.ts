import { Module } from '@nestjs/common';
import { Elasticsearch } from './elasticsearch.js';

@Module({ providers: [Elasticsearch], exports: [Elasticsearch] })
export class ElasticsearchModule {}
