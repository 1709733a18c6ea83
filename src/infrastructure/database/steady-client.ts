import { Client, type ClientConfig } from 'pg';

/** What pg says when a statement has taken longer than `query_timeout`. */
const queryTimeout = 'Query read timeout';

/**
 * For every connection to Postgres.
 *
 * A connection that breaks between two queries, or while it is being made, emits `error`, and without a listener
 * that ends the process. Here the next query fails instead.
 *
 * A connection on which a statement took too long is destroyed: pg would keep waiting for that answer, and the next
 * user of the connection would wait as well.
 */
export class SteadyClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => {});
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((...args: unknown[]) => {
      const answer = query(...args);
      if (answer instanceof Promise) answer.catch((error: unknown) => this.giveUpAfter(error));
      return answer;
    }) as Client['query'];
  }

  private giveUpAfter(error: unknown): void {
    if ((error as Error).message !== queryTimeout) return;
    // Missing from the types.
    const { connection } = this as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}
