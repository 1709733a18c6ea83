import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/auth.decorators.js';
import { accountPage, accountPagePolicy } from './account-page.js';

@ApiTags('accounts')
@Controller('account')
export class AccountPageController {
  @ApiOperation({ summary: 'The page that the links in mails open' })
  @ApiResponse({
    status: 200,
    description: 'The page.',
    content: { 'text/html': { schema: { type: 'string' } } },
  })
  @Public()
  @Get()
  async page(@Res() reply: FastifyReply): Promise<void> {
    await reply
      .header('content-security-policy', accountPagePolicy)
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(accountPage);
  }
}
