import { Controller, Get, Headers } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { SeeOther } from '../../infrastructure/http/see-other.js';
import { Public } from '../auth/auth.decorators.js';

const frontDoor = z.strictObject({
  name: z.literal('Darkroom'),
  docs: z.string(),
  openapi: z.string(),
  health: z.string(),
});
type FrontDoor = z.output<typeof frontDoor>;

/** Says where to go from the root path. Open to all: it says nothing that a stranger could use. */
@ApiTags('front door')
@Controller()
export class FrontDoorController {
  @Public()
  @ApiOperation({ summary: 'Where everything is' })
  @Get()
  @ApiHeader({ name: 'Accept', required: false, description: '`text/html`: redirects to the docs' })
  @Answers(200, frontDoor, 'Paths of the API, its docs and the other pages.')
  @ApiResponse({ status: 303, description: 'For a browser: redirects to the docs.' })
  enter(@Headers('Accept') accept = ''): FrontDoor {
    if (/\btext\/html\b/.test(accept)) throw new SeeOther('/api/docs');
    return {
      name: 'Darkroom',
      docs: '/api/docs',
      openapi: '/api/openapi.json',
      health: '/health/ready',
    };
  }
}
