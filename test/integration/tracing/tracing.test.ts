import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { startDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { startOtlpCollector } from '../../support/otlp-collector.js';

const picture = { prompt: 'CANARY9e', width: 64, height: 64, steps: 1 };
const post = 'POST /api/v1/generate-image';

describe('traces', () => {
  it('one goes from the request through queue, worker, child, engine and storage', async () => {
    const collector = await startOtlpCollector();
    const darkroom = await startDarkroom('postgres', {
      settings: { otlpEndpoint: collector.url, workerPool: 'processes', workerConcurrency: 1 },
    });
    const correlationId = randomUUID();
    try {
      const headers = { 'x-request-id': correlationId };
      const accepted = await darkroom.post('/api/v1/generate-image', picture, headers);
      const { task_id: id } = (await accepted.json()) as { task_id: string };
      expect((await darkroom.finished(id, 60_000)).status).toBe('SUCCESS');
      await eventually('the picture is stored', async () => {
        const [image] = await darkroom.database.query<{ stored: boolean }[]>(
          'SELECT object_key IS NOT NULL AS stored FROM generated_images WHERE task_id = $1',
          [id],
        );
        return image!.stored;
      });
    } finally {
      await darkroom.close();
    }
    const traceId = correlationId.replaceAll('-', '');
    const trace = await eventually('the last spans have come', () => {
      const found = collector.spans.filter((span) => span.traceId === traceId);
      return found.some(({ name }) => name === 'run upload_to_cloud_task') && found;
    });
    await collector.close();
    const named = (name: string) => trace.find((span) => span.name === name)!;
    const root = named(post);
    expect([root.parentSpanId, root.kind]).toEqual([undefined, 2]);
    const run = named('run generate_image_task');
    for (const span of [named('wait high_priority'), run, named('run upload_to_cloud_task')]) {
      expect(span.parentSpanId).toBe(root.spanId);
    }
    expect(named('txt2img').parentSpanId).toBe(run.spanId);
    expect(named('put object').parentSpanId).toBe(named('run upload_to_cloud_task').spanId);
    for (const { name, startTimeUnixNano, endTimeUnixNano, status } of trace) {
      const lasted = BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano);
      expect([name, lasted >= 0n, status.code]).toEqual([name, true, 0]);
    }
    expect(new Set(trace.map(({ spanId }) => spanId)).size).toBe(trace.length);
    for (const secret of ['CANARY', darkroom.adminKey, new URL(darkroom.settings.databaseUrl).host])
      expect(collector.bodies.join('')).not.toContain(secret);
  });

  it('name the code of a failure, and routes instead of URLs; any correlation id has a trace', async () => {
    const collector = await startOtlpCollector();
    const darkroom = await startDarkroom('postgres', {
      settings: { otlpEndpoint: `${collector.url}/` },
      workers: false,
    });
    const headers = { 'x-request-id': 'not-a-uuid' };
    try {
      await darkroom.request('/CANARY1d?x=CANARY2d', { headers });
      const accepted = await darkroom.post('/api/v1/generate-image', picture, headers);
      const { task_id: id } = (await accepted.json()) as { task_id: string };
      await darkroom.database.query(`UPDATE tasks SET payload = '{}' WHERE id = $1`, [id]);
      darkroom.startWorkers();
      await eventually('the task has failed', async () => {
        const [task] = await darkroom.database.query<{ state: string }[]>(
          'SELECT state FROM tasks WHERE id = $1',
          [id],
        );
        return task!.state === 'FAILURE';
      });
    } finally {
      await darkroom.close();
    }
    await collector.close();
    const ours = ['GET', post, 'run generate_image_task'].map((name) =>
      collector.spans.find((span) => span.name === name)!,
    );
    expect(new Set(ours.map(({ traceId }) => traceId)).size).toBe(1);
    expect(ours[2]!.status).toEqual({ code: 2, message: 'invalid_payload' });
    expect(collector.bodies.join('')).not.toContain('CANARY');
  });

  it('cost nobody anything while the collector is away, answers nonsense or hangs', async () => {
    for (const misbehave of ['away', 'nonsense', 'hangs']) {
      const collector = await startOtlpCollector((response) => {
        if (misbehave === 'nonsense') response.writeHead(500).end('<html>');
      });
      if (misbehave === 'away') await collector.close();
      const darkroom = await startDarkroom('postgres', {
        settings: { otlpEndpoint: collector.url },
      });
      try {
        const id = await darkroom.generate(picture);
        expect((await darkroom.finished(id)).status).toBe('SUCCESS');
      } finally {
        await darkroom.close();
        await collector.close().catch(() => {});
      }
    }
  });
});
