import { Client } from 'pg';

/** Decides which of our statements loses its connection in the moment it is sent. */
let lost: (sql: string) => boolean = () => false;

type Query = (this: Client, ...args: unknown[]) => unknown;
interface Inside {
  connectionParameters: { application_name?: string };
  connection: { stream: { destroy(): void } };
}
const query = Reflect.get(Client.prototype, 'query') as Query;
Client.prototype.query = function lossy(this: Client, ...args: unknown[]) {
  const { connection, connectionParameters } = this as unknown as Inside;
  const [first] = args;
  const sql = typeof first === 'string' ? first : String((first as { text?: string }).text);
  const ours = connectionParameters.application_name === 'darkroom';
  const answer = query.apply(this, args);
  if (ours && lost(sql)) connection.stream.destroy();
  return answer;
} as unknown as Client['query'];

/** The n-th statement of this process from now on loses its connection. @returns whether there was an n-th, so far */
export function loseThe(n: number): () => boolean {
  let sent = 0;
  lost = () => ++sent === n;
  return () => sent >= n;
}

export function loseNone(): void {
  lost = () => false;
}
