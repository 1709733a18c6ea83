import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';

/** Where mails are written that no server sends. */
export function folderOfMails(dataDir: string): string {
  return join(dataDir, 'mail');
}

/** Writes a mail as a file, which only the owner may read. The same mail again replaces it. */
export async function writeMailFile(
  dataDir: string,
  messageId: string,
  message: object,
): Promise<void> {
  const folder = folderOfMails(dataDir);
  const composer = createTransport({ streamTransport: true, buffer: true });
  const { message: bytes } = (await composer.sendMail(message)) as unknown as { message: Buffer };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [id] = /[\w-]+/.exec(messageId)!;
  const file = join(folder, `${id}.eml`);
  await writeFile(`${file}.new`, bytes, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
