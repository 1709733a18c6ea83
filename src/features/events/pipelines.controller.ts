import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { pipelineList, pipelineListOf, type PipelineList } from './pipelines.dto.js';

@ApiTags('events')
@Controller('api/v1/pipelines')
export class PipelinesController {
  @ApiOperation({
    summary: 'List the pipelines, with the types of events that they take',
    description: 'Each with a drawing of its nodes in Mermaid.',
  })
  @Get()
  @Answers(200, pipelineList)
  list(): PipelineList {
    return pipelineListOf();
  }
}
