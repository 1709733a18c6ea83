import { pageStyle, sourceDigest } from './page-style.js';

/** Allows only this style sheet and a form that posts to this server. */
export const loginPolicy = `default-src 'none'; style-src ${sourceDigest(pageStyle)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** @param next where to go afterwards; checked by the caller, escaped here */
export function loginPage(next: string | undefined, error?: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Sign in · Darkroom</title>
<style>${pageStyle}</style>
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
