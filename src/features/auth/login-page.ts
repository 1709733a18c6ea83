import { createHash } from 'node:crypto';

const style = `
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

const styleDigest = createHash('sha256').update(style).digest('base64');

/** Allows only this style sheet and a form that posts to this server. */
export const loginPolicy = `default-src 'none'; style-src 'sha256-${styleDigest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** @param next where to go afterwards; checked by the caller, escaped here */
export function loginPage(next: string | undefined, error?: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Sign in · Darkroom</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Darkroom</h1>
<p>Sign in with an API key. <code>npm start</code> keeps yours in <code>.darkroom/admin.key</code>.</p>
${error === undefined ? '' : `<p class="error" id="error" role="alert">${escapeHtml(error)}</p>`}
<form method="post" action="/admin/login">
<label for="key">API key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false" maxlength="200" placeholder="dk_…"${error === undefined ? '' : ' aria-invalid="true" aria-describedby="error"'}>
${next === undefined ? '' : `<input type="hidden" name="next" value="${escapeHtml(next)}">`}
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => entities[c]!);
}
