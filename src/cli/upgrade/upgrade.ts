import { celerySettings, modernName } from './celery-settings.js';
import { counterpartOf, type Counterpart } from './counterparts.js';
import { textOf } from './python-values.js';

/** One setting and what it becomes; `unknown`: a person has to decide. */
export interface UpgradedSetting {
  setting: string;
  value: string;
  becomes: Counterpart | { kind: 'unknown' };
}

/** What each setting of a Celery file becomes here. The file is read, never run. */
export function upgradeSettings(source: string): UpgradedSetting[] {
  return celerySettings(source).map(({ name, value }) => ({
    setting: name,
    value: textOf(value),
    becomes: counterpartOf(name, modernName(name), value) ?? { kind: 'unknown' },
  }));
}

/** An .env file with everything else as comments. */
export function upgradeText(settings: UpgradedSetting[]): string {
  const parts = [
    section('For .env', settings, ({ becomes }) =>
      becomes.kind === 'env'
        ? [
            ...(becomes.note ? [`# ${becomes.note}`] : []),
            `${becomes.name}=${envValue(becomes.value)}`,
          ]
        : [],
    ),
    section('For the task definitions (defineTask)', settings, ({ setting, value, becomes }) =>
      becomes.kind === 'definition'
        ? [
            `# ${setting} = ${short(value)}`,
            ...(becomes.note ? [`#     ${becomes.note}:`] : []),
            ...becomes.code.flatMap((code) => code.split('\n')).map((line) => `#     ${line}`),
          ]
        : [],
    ),
    section('Not needed', settings, ({ setting, value, becomes }) =>
      becomes.kind === 'none' ? [`# ${setting} = ${short(value)}`, `#     ${becomes.why}`] : [],
    ),
    section('Not understood: look at these yourself', settings, ({ setting, value, becomes }) =>
      becomes.kind === 'unknown' ? [`# ${setting} = ${short(value)}`] : [],
    ),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function section(
  title: string,
  settings: UpgradedSetting[],
  linesOf: (setting: UpgradedSetting) => string[],
): string {
  const lines = settings.flatMap(linesOf);
  return lines.length === 0 ? '' : [`# ${title}`, ...lines].join('\n');
}

/** A comment is one line, whatever the value holds; a URL in it may hold a password. */
function short(value: string): string {
  const line = value.replace(/\s+/g, ' ').replace(/(:\/\/[^:@/\s]*:)[^@/\s]+@/g, '$1***@');
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

function envValue(value: string): string {
  return /[\s#"'`]/.test(value) ? JSON.stringify(value) : value;
}
