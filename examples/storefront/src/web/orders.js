// A customer's orders, newest first.

import { Stale, call } from './api.js';
import { button, byId, element, isBusy, say, setBusy, setReady } from './dom.js';
import { counted, explain } from './messages.js';

const AT_ONCE = 10;
const WORDS = {
  complete: 'Complete', processing: 'Being prepared', incomplete: 'Not finished', cancelled: 'Cancelled',
  paid: 'Paid', unpaid: 'Not paid', authorized: 'Payment authorised', refunded: 'Refunded',
  fulfilled: 'Sent', unfulfilled: 'Not sent yet',
};

/** Shows the first of them. */
export async function showOrders() {
  const list = element('ol', { class: 'order-list', role: 'list' });
  byId('orders').replaceChildren(element('p', { class: 'note' }, 'Looking for your orders…'));
  await showMore(list, 0);
}

async function showMore(list, offset) {
  let answer;
  try {
    answer = await call(`/v2/orders?include=items&sort=-created_at&page[limit]=${AT_ONCE}&page[offset]=${offset}`);
  } catch (error) {
    if (error instanceof Stale) return;
    const again = button({ class: 'secondary' }, (pressed) => retry(pressed, list, offset), 'Try again');
    const failure = element('div', { class: 'alert', role: 'alert' }, `Your orders could not be shown. ${explain(error)}`);
    byId('orders').replaceChildren(...(offset > 0 ? [list] : []), failure, again);
    return;
  }
  const { data: orders, included, meta, links } = answer;
  const cards = orders.map((one) => order(one, included.items.filter((item) => item.order_id === one.id)));
  list.append(...cards);
  const shown = offset + orders.length;
  const total = meta.results.total;
  if (shown === 0) {
    byId('orders').replaceChildren(element('p', { class: 'note' }, 'You have not ordered anything yet.'));
    return;
  }
  const told = element('p', { class: 'note' }, `Showing ${shown} of ${counted(total, 'order')}.`);
  const more = links.next && button({ class: 'secondary' }, (pressed) => retry(pressed, list, shown), 'Show more orders');
  byId('orders').replaceChildren(list, told, ...(more ? [more] : []));
  if (offset > 0) {
    say(told.textContent);
    // The button that was pressed has gone: whoever uses the keyboard goes on where the new ones begin.
    cards[0]?.querySelector('h3').focus();
  }
}

async function retry(pressed, list, offset) {
  if (isBusy(pressed)) return;
  setBusy(pressed, 'Looking…');
  await showMore(list, offset);
  setReady(pressed);
}

function order(one, items) {
  const { status, payment, shipping, meta } = one;
  const time = element('time', { datetime: meta.timestamps.created_at }, day(meta.timestamps.created_at));
  return element('li', { class: 'order' },
    element('div', { class: 'order-head' },
      element('h3', { tabindex: '-1' }, time),
      element('span', { class: 'badge', 'data-status': status }, word(status))),
    element('ul', { class: 'items', role: 'list' }, ...items.map((item) => element('li', {},
      element('span', {}, `${item.quantity} × ${item.name}`),
      element('span', { class: 'price' }, item.meta.display_price.with_tax.value.formatted)))),
    element('p', { class: 'total' },
      element('span', {}, 'Total'),
      element('span', { class: 'price' }, meta.display_price.with_tax.formatted)),
    element('p', { class: 'note' }, `${word(payment)} · ${word(shipping)} · Order ${one.id.slice(0, 8)}`));
}

const word = (name) => WORDS[name] ?? name;

function day(text) {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text
    : new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long' }).format(time);
}
