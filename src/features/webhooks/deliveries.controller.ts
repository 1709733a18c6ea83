import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  deliveriesQuery,
  deliveryList,
  sentDelivery,
  wholeDelivery,
  type DeliveriesQuery,
  type DeliveryList,
  type SentDelivery,
  type WholeDelivery,
} from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';

@ApiTags('webhooks')
@Controller('api/v1/webhooks')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @ApiOperation({
    summary: 'List all your deliveries',
    description:
      'Those to the `webhook_url` of your generations, and of deleted webhooks, as well.',
  })
  @Get('deliveries')
  @Answers(200, deliveryList)
  list(
    @Query({ schema: deliveriesQuery }) query: DeliveriesQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<DeliveryList> {
    return this.deliveries.list(user, query);
  }

  @ApiOperation({ summary: 'Get a delivery: what was sent, and what was answered' })
  @Get('deliveries/:delivery_id')
  @Answers(200, wholeDelivery)
  read(
    @Param('delivery_id', new IdPipe('delivery')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<WholeDelivery> {
    return this.deliveries.read(user, id);
  }

  @ApiOperation({
    summary: 'Send an event again',
    description:
      'With the same `webhook-id`, and all of its attempts. One that is still waiting is sent at once.',
  })
  @Post('deliveries/:delivery_id/replay')
  @HttpCode(202)
  @Answers(202, sentDelivery, 'It is sent in the background.')
  replay(
    @Param('delivery_id', new IdPipe('delivery')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<SentDelivery> {
    return this.deliveries.replay(user, id);
  }

  @ApiOperation({ summary: 'List the deliveries of a webhook' })
  @Get(':webhook_id/deliveries')
  @Answers(200, deliveryList)
  listOf(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @Query({ schema: deliveriesQuery }) query: DeliveriesQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<DeliveryList> {
    return this.deliveries.listOf(user, id, query);
  }

  @ApiOperation({
    summary: 'Send a ping to a webhook',
    description: 'Once, and also to one that is disabled. Its delivery says what came back.',
  })
  @Post(':webhook_id/test')
  @HttpCode(202)
  @Answers(202, sentDelivery, 'It is sent in the background.')
  test(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<SentDelivery> {
    return this.deliveries.test(user, id);
  }
}
