import { pageStyle, sourceDigest } from '../auth/page-style.js';

/** Two forms, one below the other. */
const style = `${pageStyle}
form + form { margin-top: 1.75rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
form p { margin: 0 0 1rem; }
input + label { margin-top: .9rem; }
`;

/** Allows only this style sheet and a form that posts to this server. */
export const loginPolicy = `default-src 'none'; style-src ${sourceDigest(style)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** Why the visitor was not signed in. */
export interface Refusal {
  /** The form that was sent. */
  of: 'key' | 'password';
  text: string;
  /** What the visitor wrote, to be corrected; escaped here. */
  email?: string;
}

/** @param next where to go afterwards; checked by the caller, escaped here */
export function loginPage(next: string | undefined, refusal?: Refusal): string {
  const ofPassword = refusal?.of === 'password';
  const wrong = ' aria-invalid="true" aria-describedby="error"';
  const marks = ofPassword
    ? { key: '', password: `${wrong} autofocus` }
    : { key: `${refusal ? wrong : ''} autofocus`, password: '' };
  const error =
    refusal === undefined
      ? ''
      : `<p class="error" id="error" role="alert">${escapeHtml(refusal.text)}</p>\n`;
  const hidden =
    next === undefined ? '' : `<input type="hidden" name="next" value="${escapeHtml(next)}">\n`;
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
<form method="post" action="/admin/login">
<p>Sign in with an API key. <code>npm start</code> keeps yours in <code>.darkroom/admin.key</code>.</p>
${ofPassword ? '' : error}<label for="key">API key</label>
<input id="key" name="key" type="password" required autocomplete="current-password" spellcheck="false" maxlength="200" placeholder="dk_…"${marks.key}>
${hidden}<button type="submit">Sign in with the key</button>
</form>
<form method="post" action="/admin/login">
<p>Admins can sign in with their password instead.</p>
${ofPassword ? error : ''}<label for="email">E-mail address</label>
<input id="email" name="email" type="email" required autocomplete="username" spellcheck="false" maxlength="254" value="${escapeHtml(refusal?.email ?? '')}">
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password" maxlength="200"${marks.password}>
${hidden}<button type="submit">Sign in with the password</button>
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
