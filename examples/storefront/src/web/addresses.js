// A customer's addresses, each with a form to change it.

import { Refused, Stale, call } from './api.js';
import { button, byId, element, heard, isBusy, say, setBusy, setReady } from './dom.js';
import { counted, explain } from './messages.js';

/** What an address has: name, label, what a browser may fill in, and whether it must be there. */
const FIELDS = [
  { name: 'name', label: 'What you call this address' },
  { name: 'first_name', label: 'First name', fill: 'given-name', required: true, half: true },
  { name: 'last_name', label: 'Last name', fill: 'family-name', required: true, half: true },
  { name: 'company_name', label: 'Company', fill: 'organization' },
  { name: 'line_1', label: 'Street and number', fill: 'address-line1', required: true },
  { name: 'line_2', label: 'Floor, flat, building', fill: 'address-line2' },
  { name: 'postcode', label: 'Postcode', fill: 'postal-code', required: true, half: true },
  { name: 'city', label: 'City', fill: 'address-level2', half: true },
  { name: 'county', label: 'County', required: true, half: true },
  { name: 'region', label: 'State or region', fill: 'address-level1', half: true },
  { name: 'country', label: 'Country', fill: 'country', required: true, half: true },
  { name: 'phone_number', label: 'Phone number', fill: 'tel', type: 'tel', half: true },
  { name: 'instructions', label: 'A word to whoever delivers', long: true },
];
let forms = 0;

/** Shows the addresses of a customer. */
export async function showAddresses(customer) {
  const place = byId('addresses');
  place.replaceChildren(element('p', { class: 'note' }, 'Looking for your addresses…'));
  const path = `/v2/customers/${customer}/addresses`;
  try {
    const { data: addresses } = await call(path);
    if (addresses.length === 0) {
      place.replaceChildren(element('p', { class: 'note' }, 'You have not given an address yet.'));
      return;
    }
    const cards = addresses.map((address) => {
      const card = element('li', { class: 'address' });
      fill(card, address, path);
      return card;
    });
    place.replaceChildren(element('ul', { class: 'address-list', role: 'list' }, ...cards));
  } catch (error) {
    if (error instanceof Stale) return;
    place.replaceChildren(
      element('div', { class: 'alert', role: 'alert' }, `Your addresses could not be shown. ${explain(error)}`),
      button({ class: 'secondary' }, () => showAddresses(customer), 'Try again'));
  }
}

/** Shows an address in its card, and returns the button that changes it. */
function fill(card, address, path) {
  const { first_name, last_name, company_name, line_1, line_2, postcode, city, county, region, country } = address;
  const lines = [
    `${first_name} ${last_name}`, company_name, line_1, line_2, `${postcode} ${city}`.trim(),
    [county, region].filter(Boolean).join(', '), country, address.phone_number,
  ].filter(Boolean);
  const change = button({ class: 'quiet' }, () => edit(card, address, path), 'Change', heard(` the address ${nameOf(address)}`));
  const whole = [
    element('div', { class: 'address-head' }, element('h3', {}, nameOf(address)), change),
    element('p', { class: 'lines', translate: 'no' }, ...lines.map((line) => element('span', {}, line))),
  ];
  if (address.instructions) whole.push(element('p', { class: 'note' }, address.instructions));
  card.replaceChildren(...whole);
  return change;
}

const nameOf = (address) => address.name || address.line_1;

/** Shows a form in the card. */
function edit(card, address, path) {
  const id = (name) => `address-${form.dataset.number}-${name}`;
  const form = element('form', { method: 'post', novalidate: true, class: 'fields', 'data-number': forms += 1 });
  const title = element('h3', { tabindex: '-1', id: id('title') }, `Change “${nameOf(address)}”`);
  form.setAttribute('aria-labelledby', title.id);
  const alert = element('div', { class: 'alert whole', role: 'alert' });
  const save = element('button', { class: 'primary' }, 'Save');
  const done = (next, text) => {
    fill(card, next, path).focus();
    say(text);
  };
  const cancel = button({ class: 'quiet' }, () => done(address, 'Nothing was changed.'), 'Cancel');
  const inputs = FIELDS.map((field) => control(field, address[field.name] ?? '', id(field.name)));
  form.append(title, alert, ...inputs, element('div', { class: 'actions whole' }, save, cancel));
  card.replaceChildren(form);
  title.focus();

  const complain = (errors) => {
    for (const { name } of FIELDS) mark(id(name), errors.get(name) ?? '');
    const first = FIELDS.find(({ name }) => errors.has(name));
    alert.textContent = first ? `${counted(errors.size, 'field')} ${errors.size === 1 ? 'needs' : 'need'} another look.` : '';
    if (first) byId(id(first.name)).focus();
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isBusy(save)) return;
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    const missing = FIELDS.filter(({ name, required }) => required && !values[name]);
    complain(new Map(missing.map(({ name, label }) => [name, `${label} is needed.`])));
    if (missing.length > 0) return;
    // What was not touched is not sent: it may have been changed elsewhere.
    const changed = Object.entries(values).filter(([name, value]) => value !== (address[name] ?? ''));
    if (changed.length === 0) {
      done(address, 'Nothing was changed.');
      return;
    }
    setBusy(save, 'Saving…');
    try {
      const data = { type: 'address', ...Object.fromEntries(changed) };
      const answer = await call(`${path}/${address.id}`, { method: 'PUT', data });
      done(answer.data, `The address “${nameOf(answer.data)}” is saved.`);
    } catch (error) {
      setReady(save);
      if (error instanceof Stale) return;
      const errors = byField(error);
      complain(errors);
      if (errors.size === 0) alert.textContent = `Not saved. ${explain(error, { 404: 'This address is gone.' })}`;
    }
  });
}

/** The store's complaints about fields that the form has, in the form's words. */
function byField(error) {
  const named = new Map();
  if (!(error instanceof Refused)) return named;
  for (const { source, title, detail } of error.errors) {
    const field = FIELDS.find(({ name }) => name === source);
    if (!field) continue;
    const said = title === 'required' ? 'is needed' : String(detail).replace(source, '').trim();
    named.set(source, `${field.label} ${said}.`);
  }
  return named;
}

function control({ name, label, fill, type = 'text', required = false, half = false, long = false }, value, id) {
  const shared = { id, name, required, autocomplete: fill ?? 'off', 'aria-describedby': `${id}-error` };
  const input = long ? element('textarea', { ...shared, rows: 3 }) : element('input', { ...shared, type });
  input.value = value;
  const optional = required ? [] : [' ', element('span', { class: 'optional' }, '(optional)')];
  return element('div', { class: half ? 'field' : 'field whole' },
    element('label', { for: id }, label, ...optional), input, element('p', { class: 'error', id: `${id}-error` }));
}

function mark(id, text) {
  byId(`${id}-error`).textContent = text;
  if (text) byId(id).setAttribute('aria-invalid', 'true');
  else byId(id).removeAttribute('aria-invalid');
}
