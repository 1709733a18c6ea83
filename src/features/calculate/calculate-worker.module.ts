import { Module } from '@nestjs/common';
import { CalculateProcessor } from './calculate.processor.js';

@Module({ providers: [CalculateProcessor] })
export class CalculateWorkerModule {}
