import { createHash } from 'node:crypto';

/** The look of the small pages. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1d1a17; --soft: #6b625a; --paper: #f6f2ec; --card: #fffdfa; --line: #d9d0c5; --safelight: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1e9e2; --soft: #a89a90; --paper: #14100f; --card: #1e1817; --line: #3a2f2c; --safelight: #ff6b5e; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: min(24rem, 100%); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
h1 { margin: 0 0 .25rem; font-size: 1.35rem; }
p { margin: 0 0 1.25rem; color: var(--soft); }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
input { width: 100%; padding: .65rem .75rem; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 8px; }
button { width: 100%; margin-top: 1.25rem; padding: .7rem; font: inherit; font-weight: 600; color: var(--card); background: var(--ink); border: 0; border-radius: 8px; cursor: pointer; }
input:focus-visible, button:focus-visible { outline: 3px solid var(--safelight); outline-offset: 2px; }
.error { color: var(--safelight); margin: 0 0 1rem; font-weight: 600; }
code { font-size: .9em; }
`;

/** For a content policy. */
export function sourceDigest(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`;
}
