import { resolve } from 'node:path';

/** What `npm start` runs, for the person at the terminal. */
export interface Running {
  url: string;
  /** Undefined where it might be stored, in a log for example; then the file is named instead. */
  adminKey: string | undefined;
  keyFile: string;
  /** Undefined: a database that was configured. */
  postgres: { port: number; dataDir: string } | undefined;
  /** Address of the queue, without credentials; undefined: in the database. */
  queue: string | undefined;
  /** Addresses without credentials; undefined: the stand-in. */
  engines: string[] | undefined;
  objects: string;
  /** Address of the mail server, or the folder that mails are written into. */
  mails: string;
}

export function welcome(running: Running): string {
  const { url, adminKey, keyFile, postgres, queue, engines, objects, mails } = running;
  const rows = [
    ['API', `${url}/api/docs`],
    ['Queues', `${url}/admin/queues  (sign in with the admin key)`],
    ['Engine', engines?.join(', ') ?? 'a stand-in that draws sketches (SD_API_URLS: a real one)'],
    ['Database', postgres ? embedded(postgres) : 'the one in DATABASE_URL'],
    ['Queue', queue ?? 'in the database'],
    ['Pictures', objects],
    ['Mails', mails],
    ['Admin key', adminKey === undefined ? `in ${keyFile}` : `${adminKey}  (kept in ${keyFile})`],
  ];
  return `
Darkroom is ready.

${rows.map(([name, value]) => `  ${name!.padEnd(10)} ${value}`).join('\n')}

Make a picture, and save it as picture.png:

  KEY=${adminKey ?? `$(cat ${quoted(resolve(keyFile))})`}
  IMAGE=$(curl -sS ${url}/api/v1/generate-image/ -H "Authorization: Bearer $KEY" \\
    -H 'Content-Type: application/json' -H 'Prefer: wait=60' \\
    -d '{"prompt":"a lighthouse at dusk"}' | grep -o '/api/v1/images/[^"?]*' | head -1)
  curl -sSL -o picture.png -H "Authorization: Bearer $KEY" ${url}$IMAGE

Ctrl-C stops everything.
`;
}

function embedded({ port, dataDir }: { port: number; dataDir: string }): string {
  return `embedded Postgres on 127.0.0.1:${port}, data in ${dataDir}`;
}

/** Quoted as one word of a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
