// The view of somebody who is not signed in.

import { Refused, call, signIn } from './api.js';
import { button, byId, element, heard, isBusy, say, setBusy, setReady } from './dom.js';
import { duration, explain } from './messages.js';
import { comeBack, isPossible, leave } from './provider.js';

const form = byId('sign-in');
const submit = form.querySelector('button.primary');
const password = byId('password');
const showPassword = byId('show-password');
const alert = byId('sign-in-alert');
let providers = [];
let countdown;
let signedIn;

/** Sets the view up; `whenSignedIn` is told of who has signed in. */
export function prepareSignIn(whenSignedIn) {
  signedIn = whenSignedIn;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!isBusy(submit)) byPassword();
  });
  showPassword.addEventListener('click', () => setPasswordShown(password.type === 'password'));
  // First of all: the code must leave the address bar before anything else happens.
  const answer = comeBack();
  if (answer) byAnswer(answer);
  offerProviders();
}

/** Empties what was typed and told. */
export function resetSignIn() {
  form.reset();
  setPasswordShown(false);
  complain();
}

async function byPassword() {
  complain();
  const { email, password } = Object.fromEntries(new FormData(form));
  const missing = [
    !email.trim() && ['email', 'Enter your e-mail address.'],
    !password && ['password', 'Enter your password.'],
  ].filter(Boolean);
  for (const [name, text] of missing) markField(name, text);
  if (missing.length > 0) {
    byId(missing[0][0]).focus();
    return;
  }
  const status = await attempt({ authentication_mechanism: 'password', email: email.trim(), password }, {
    400: 'The store can’t use this e-mail address and password. Look them over, and try again.',
    403: 'This e-mail address and this password don’t belong together. Look them over, and try again.',
  });
  if (status === 403) {
    for (const name of ['email', 'password']) byId(name).setAttribute('aria-invalid', 'true');
    byId('password').focus();
    byId('password').select();
  }
}

/**
 * One attempt, whose failure is told here; `special` has words for some statuses. Resolves with the
 * status of a refusal.
 */
async function attempt(credentials, special) {
  setBusy(submit, 'Signing in…');
  try {
    const customer = await signIn(credentials);
    setReady(submit);
    signedIn(customer);
  } catch (error) {
    setReady(submit);
    fail(error, special);
    return error.status;
  }
  return undefined;
}

// ------------------------------------------------------------------------------------------ providers

/** Shows a button for each provider. Without any there is the password, and nothing is missing. */
async function offerProviders() {
  if (!isPossible) return;
  try {
    const { data: settings } = await call('/v2/settings/customer-authentication');
    const realm = settings.relationships['authentication-realm'].data.id;
    const path = `/v2/authentication-realms/${realm}/oidc-profiles`;
    const { data: profiles } = await call(path);
    offer(profiles.map((profile) => button({ class: 'secondary wide' },
      (pressed) => byProvider(pressed, `${path}/${profile.id}`), `Continue with ${profile.name}`)));
  } catch {
    // Those who have no password need a way on; what is wrong, the next attempt tells.
    offer([button({ class: 'secondary wide' }, lookAgain, 'Look for other ways to sign in')]);
  }
}

function offer(buttons) {
  providers = buttons;
  byId('provider-list').replaceChildren(...providers.map((one) => element('li', {}, one)));
  byId('providers').hidden = providers.length === 0;
  // They come later than the rest, perhaps after an attempt after which the store wants to be left alone.
  if (isBusy(submit)) providers.forEach((one) => setBusy(one, one.textContent));
}

async function lookAgain(pressed) {
  if (isBusy(pressed)) return;
  setBusy(pressed, 'Looking…');
  await offerProviders();
  // The button that was pressed has gone.
  (providers[0] ?? byId('email')).focus();
}

async function byProvider(pressed, path) {
  if (isBusy(pressed)) return;
  complain();
  setBusy(pressed, 'One moment…');
  try {
    const { data: profile, links } = await call(path);
    await leave(profile, links['authorization-endpoint']);
    // The button stays as it is: the next that happens is another page.
  } catch (error) {
    setReady(pressed);
    fail(error, { 404: 'This way to sign in is gone. Reload the page.', 503: unreachable() });
  }
}

async function byAnswer({ name, credentials, failure }) {
  if (failure) {
    complain({
      foreign: 'This sign-in was not begun in this tab, or it is over already. Please begin again.',
      declined: `You have not signed in: you stopped at ${name}.`,
      failed: `${name} has not signed you in. Please try again.`,
    }[failure]);
    return;
  }
  say(`Signing you in with ${name}…`);
  await attempt(credentials, {
    403: `The store could not accept what ${name} said of you. Please begin again.`,
    503: unreachable(name),
  });
}

const unreachable = (name = 'This provider') => `${name} can’t be reached at the moment.`;

// ------------------------------------------------------------------------------------------ what went wrong

function fail(error, special) {
  say('');
  const text = explain(error, special);
  if (error instanceof Refused && error.retryAfter > 0) holdBack(text, error.retryAfter);
  else complain(text);
}

/** Tells what is wrong; without a text, that nothing is any more. */
function complain(...what) {
  clearInterval(countdown);
  for (const one of [submit, ...providers]) setReady(one);
  for (const name of ['email', 'password']) markField(name, '');
  alert.replaceChildren(...what);
}

/** Tells what is wrong, and holds back every further attempt for as long as the store has said. */
function holdBack(text, seconds) {
  const again = (left) => `You can try again in ${duration(left)}.`;
  // Who sees the page sees it count. Who hears it hears it once.
  const counting = element('span', { 'aria-hidden': 'true' }, again(seconds));
  complain(`${text} `, heard(again(seconds)), counting);
  for (const one of [submit, ...providers]) setBusy(one, one.textContent);
  const end = Date.now() + seconds * 1000;
  countdown = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      counting.textContent = again(left);
    } else {
      complain();
      say('You can try again now.');
    }
  }, 1000);
}

function markField(name, text) {
  byId(`${name}-error`).textContent = text;
  if (text) byId(name).setAttribute('aria-invalid', 'true');
  else byId(name).removeAttribute('aria-invalid');
}

function setPasswordShown(shown) {
  password.type = shown ? 'text' : 'password';
  showPassword.setAttribute('aria-pressed', String(shown));
  showPassword.textContent = shown ? 'Hide' : 'Show';
}
