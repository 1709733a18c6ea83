import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { AdminOnly } from '../auth/auth.decorators.js';
import { StorageStatus, type StorageReport } from './storage-status.js';

const storageReport = z.strictObject({
  storage: z.string().describe('Where pictures and files are stored.'),
  spool: z
    .strictObject({
      files: z.int(),
      bytes: z.int(),
      max_bytes: z.int().nullable().describe('null: no bound.'),
      oldest_at: z.iso.datetime().nullable(),
    })
    .describe('What waits in the database for the storage.'),
  put_off: z.int().describe('Uploads that wait because the storage was away.'),
  away_since: z.iso
    .datetime()
    .nullable()
    .describe('null: the storage is well, as far as the workers know.'),
});

@ApiTags('operation')
@Controller('api/v1/admin/storage')
export class StorageController {
  constructor(private readonly status: StorageStatus) {}

  @ApiOperation({ summary: 'For admins: what waits for the object storage' })
  @Get()
  @AdminOnly()
  @Answers(200, storageReport)
  report(): Promise<StorageReport> {
    return this.status.report();
  }
}
