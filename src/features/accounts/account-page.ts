import { pageStyle, sourceDigest } from '../auth/page-style.js';

/** Runs in the browser. The token is behind the #, so that it is in no server's log. */
const script = `
const [, purpose, token] = /^#(verify|reset)=(.+)$/.exec(location.hash) ?? [];
history.replaceState(null, '', location.pathname);
const part = (id) => document.getElementById(id);
const say = (text) => { part('message').textContent = text; part('message').hidden = false; };
if (purpose) part(purpose).hidden = false;
else part('none').hidden = false;
async function send(path, body, form, done) {
  const button = form.querySelector('button');
  button.disabled = true;
  part('message').hidden = true;
  try {
    const answer = await fetch('/api/v1/users/' + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      part('done').textContent = done;
      part('done').hidden = false;
      return;
    }
    const problem = await answer.json();
    say(problem.errors ? 'The password ' + problem.errors[0].message + '.' : problem.detail);
  } catch {
    say('Darkroom does not answer just now. Try again.');
  }
  button.disabled = false;
}
part('verify').addEventListener('submit', (event) => {
  event.preventDefault();
  send('verify', { token }, event.target, 'Your address is confirmed. You can log in now.');
});
part('reset').addEventListener('submit', (event) => {
  event.preventDefault();
  const password = part('password').value;
  send('password/reset', { token, password }, event.target, 'Your password is changed. You can log in with it now.');
});
`;

/** Allows only this style sheet and this script, which talks to this server. */
export const accountPagePolicy = `default-src 'none'; style-src ${sourceDigest(pageStyle)}; script-src ${sourceDigest(script)}; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`;

/** The page that the links in mails open. */
export const accountPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>Your account · Darkroom</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>Darkroom</h1>
<p class="error" id="message" role="alert" hidden></p>
<p id="done" role="status" hidden></p>
<p id="none" hidden>Open this page with the link from your mail.</p>
<noscript><p>This page needs JavaScript.</p></noscript>
<form id="verify" hidden>
<p>Confirm that this e-mail address is yours.</p>
<button type="submit">Confirm</button>
</form>
<form id="reset" hidden>
<p>Choose a new password, at least 12 characters long.</p>
<label for="password">New password</label>
<input id="password" type="password" required minlength="12" maxlength="200" autocomplete="new-password">
<button type="submit">Change the password</button>
</form>
</main>
<script>${script}</script>
</body>
</html>
`;
