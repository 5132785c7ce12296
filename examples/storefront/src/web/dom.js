// Elements. What comes from elsewhere is only ever text: nothing in this page parses HTML, and the
// `trusted-types` of its Content-Security-Policy keep it so.

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element with attributes; `true` is an attribute without a value, `false` none. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) made.setAttribute(attribute, value === true ? '' : value);
  }
  // A string becomes a text node, whatever is in it.
  made.append(...children);
  return made;
}

/** A button that does something when pressed. */
export function button(attributes, onPress, ...children) {
  const made = element('button', { type: 'button', ...attributes }, ...children);
  made.addEventListener('click', () => onPress(made));
  return made;
}

/** Text for those who hear the page. */
export const heard = (text) => element('span', { class: 'heard' }, text);

/** Says something politely, below the page's head. */
export function say(text) {
  byId('status').textContent = text;
}

/** Holds a button back while something goes on. It stays where it is and keeps its focus. */
export function setBusy(pressed, text) {
  pressed.dataset.label ??= pressed.textContent;
  pressed.textContent = text;
  pressed.setAttribute('aria-disabled', 'true');
}

/** Gives a button back. */
export function setReady(pressed) {
  if (!isBusy(pressed)) return;
  pressed.textContent = pressed.dataset.label;
  delete pressed.dataset.label;
  pressed.removeAttribute('aria-disabled');
}

export const isBusy = (pressed) => pressed.getAttribute('aria-disabled') === 'true';
