// The page: a customer signs in, sees their data, and signs out.

import { showAddresses } from './addresses.js';
import { Stale, call, forget, refresh, signOut, whenSessionIsOver } from './api.js';
import { button, byId, element, say } from './dom.js';
import { explain } from './messages.js';
import { showOrders } from './orders.js';
import { beginSession, endSession } from './session.js';
import { prepareSignIn, resetSignIn } from './sign-in.js';

const OVER = 'Your time here is over, so you have been signed out. Sign in to go on.';
const SIGNED_OUT = 'You are signed out.';
const ONLY_HERE = 'You are signed out on this page. The store could not be told, so the session ends there by itself within a day.';

function enter({ id, endsAt }) {
  resetSignIn();
  show('signed-in', 'Your account');
  say('');
  byId('greeting').focus();
  beginSession(endsAt, { refresh, over: () => leave(OVER) });
  showDetails(id);
  showAddresses(id);
  showOrders();
}

/** Forgets the customer and everything that was shown. */
function leave(text) {
  forget();
  endSession();
  for (const id of ['details', 'addresses', 'orders']) byId(id).replaceChildren();
  byId('greeting').textContent = 'Your account';
  resetSignIn();
  show('signed-out', 'Sign in');
  say(text);
  byId('sign-in-title').focus();
}

function show(view, title) {
  for (const id of ['signed-in', 'signed-out']) byId(id).hidden = id !== view;
  byId('sign-out').hidden = view !== 'signed-in';
  document.title = `${title} · Storefront`;
  window.scrollTo(0, 0);
}

async function showDetails(id) {
  const place = byId('details');
  place.replaceChildren(element('p', { class: 'note' }, 'One moment…'));
  try {
    const { data: customer } = await call(`/v2/customers/${id}`);
    byId('greeting').textContent = customer.name ? `Hello, ${customer.name}` : 'Hello';
    const pairs = [
      ['Name', customer.name],
      ['E-mail', customer.email || 'None'],
      ['You sign in', customer.password ? 'with a password' : 'with a provider'],
    ];
    place.replaceChildren(element('dl', {}, ...pairs.flatMap(([term, value]) =>
      [element('dt', {}, term), element('dd', { translate: 'no' }, value)])));
  } catch (error) {
    if (error instanceof Stale) return;
    place.replaceChildren(
      element('div', { class: 'alert', role: 'alert' }, `What the store knows of you could not be shown. ${explain(error)}`),
      button({ class: 'secondary' }, () => showDetails(id), 'Try again'));
  }
}

const isSignedIn = () => !byId('signed-in').hidden;

byId('sign-out').addEventListener('click', async () => {
  const ended = signOut();
  // At once, whether or not the store can be reached.
  leave(SIGNED_OUT);
  try {
    await ended;
  } catch {
    if (!isSignedIn()) say(ONLY_HERE);
  }
});
whenSessionIsOver(() => leave(OVER));
// A browser may keep a page that was left, and show it again for its Back button.
window.addEventListener('pagehide', () => { if (isSignedIn()) leave(''); });
prepareSignIn(enter);
