import { existsSync, readFileSync } from 'node:fs';

/** The release of this Darkroom, from the package.json above the build. */
export const darkroomVersion = versionOf('../package.json');

function versionOf(path: string): string {
  const file = new URL(path, import.meta.url);
  if (!existsSync(file)) return versionOf(`../${path}`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
