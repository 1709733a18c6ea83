import { Client, type ClientConfig } from 'pg';

/**
 * For every pool. A connection that breaks while its client is checked out between two queries emits
 * `error`, and without a listener that ends the process. Here the next query says it instead.
 */
export class SteadyClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => {});
  }
}
