import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { answers, command, group, type Answer } from '../command.js';
import { CliError } from '../exit.js';

/** Celery's `upgrade`. */
export function upgradeCommands(program: Command): void {
  const upgrade = group(program, 'upgrade', 'Move from Celery.');
  command(upgrade, 'settings <file>', {
    description: 'Read the settings of a Celery installation and print what they are here.',
    examples: [
      ['upgrade settings app/celery_app.py', 'a Python file: assignments, app.conf.update(…)'],
      ['upgrade settings .env > darkroom.env', 'an env file with CELERY_… and APP_… names'],
      ['upgrade settings - < celery_config.py', 'from a pipe'],
    ],
    notes:
      'The file is read, never run: what only Python could tell is printed as it stands, to look at.\nExit code 1 when it holds no setting.',
  }).action(answers(settings));
}

async function settings(file: string): Promise<Answer> {
  const source = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  const { upgradeSettings, upgradeText } = await import('../upgrade/upgrade.js');
  const found = upgradeSettings(source);
  if (found.length === 0) throw new CliError(`There is no setting of Celery in ${file}.`);
  return { json: found, text: upgradeText(found) };
}
