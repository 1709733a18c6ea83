import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { Samples } from '../support/samples.js';
import { openSite, type Site } from '../support/site.js';
import { openClient, type Client } from './client.js';

/** Measures on a site of its own, which is closed at the end. @returns what was noted */
export async function sampledSite(
  engine: QueueEngineName,
  measure: (site: Site, samples: Samples) => Promise<void>,
): Promise<Samples> {
  const samples = new Samples();
  const site = await openSite(engine);
  try {
    await measure(site, samples);
    return samples;
  } finally {
    await site.close();
  }
}

/** The same, with a client that sends tasks there. */
export function sampled(
  engine: QueueEngineName,
  measure: (site: Site, client: Client, samples: Samples) => Promise<void>,
): Promise<Samples> {
  return sampledSite(engine, async (site, samples) => {
    const client = await openClient(site);
    try {
      await measure(site, client, samples);
    } finally {
      await client.close();
    }
  });
}
