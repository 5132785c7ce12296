// The storefront's page in Chromium: a customer's data, the session, and accessibility.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  alert, backOffice, barriers, email, everythingIsShown, focused, launch, open, password, picture, signInAs, status,
  submit,
} from './browser.mjs';
import { LESLIE, RON, accessToken, request, startStorefront } from './support.mjs';

const TOKENS = '/v2/customers/tokens';
const SIGNED_OUT = 'You are signed out.';
const ONLY_HERE = 'You are signed out on this page. The store could not be told, so the session ends there by itself within a day.';
const OVER = 'Your time here is over, so you have been signed out. Sign in to go on.';
const DAY = 24 * 60 * 60;

describe('an account on the page', { timeout: 240_000 }, () => {
  let storefront, office, register, browser, opened;
  before(async () => {
    storefront = await startStorefront();
    ({ office, register } = backOffice(storefront.origin));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await storefront?.stop();
  });
  afterEach(async () => {
    await opened?.close();
    opened = undefined;
  });

  const visit = async (options) => {
    opened = await open(browser, storefront.origin, options);
    return opened.page;
  };
  // ---------------------------------------------------------------------------------------- orders, addresses

  test('shows orders with their items, ten at a time', async () => {
    const page = await visit();
    await signInAs(page, RON);
    const newest = page.locator('.order').first();
    assert.match(await newest.locator('h3').textContent(), /^[A-Z][a-z]+ \d{1,2}, \d{4}$/);
    assert.deepEqual(await newest.locator('.items span:first-child').allTextContents(), ['1 × Ring binder', '2 × Maple board', '3 × Waffle iron']);
    assert.equal(await newest.locator('.total .price').textContent(), '$247.46');
    for (const shown of [20, 30, 40, 45]) {
      await page.getByRole('button', { name: 'Show more orders' }).click();
      await status(page).getByText(`Showing ${shown} of 45 orders.`).waitFor();
      assert.equal(await page.locator('.order').count(), shown);
      // Where the new ones begin.
      const first = page.locator('.order').nth(Math.floor((shown - 1) / 10) * 10).locator('h3');
      assert.ok(await first.evaluate((heading) => heading === document.activeElement));
    }
    assert.equal(await page.getByRole('button', { name: 'Show more orders' }).count(), 0);
    opened.quiet();
  });

  test('says so to whoever has neither orders nor addresses', async () => {
    const person = await register();
    const [{ id }] = await office('GET', `/v2/customers/${person.id}/addresses`);
    await office('DELETE', `/v2/customers/${person.id}/addresses/${id}`);
    const page = await visit();
    await signInAs(page, person);
    await page.getByText('You have not given an address yet.').waitFor();
    await page.getByText('You have not ordered anything yet.').waitFor();
    opened.quiet();
  });

  test('changes an address, and sends only what was changed', async () => {
    const person = await register();
    const page = await visit();
    await signInAs(page, person);
    await page.getByRole('button', { name: 'Change the address Home' }).click();
    assert.equal(await focused(page), await page.getByRole('heading', { name: 'Change “Home”' }).getAttribute('id'));
    await page.getByLabel('Street and number').fill('  4 Elm Street ');
    await page.getByLabel('A word to whoever delivers').fill('Mind the dog.\nIt is small.');
    const [sent] = await Promise.all([
      page.waitForRequest((one) => one.method() === 'PUT'),
      page.getByRole('button', { name: 'Save' }).click(),
    ]);
    await status(page).getByText('The address “Home” is saved.').waitFor();
    const data = { type: 'address', line_1: '4 Elm Street', instructions: 'Mind the dog.\nIt is small.' };
    assert.deepEqual(sent.postDataJSON(), { data });
    assert.equal(await focused(page), 'Change the address Home');
    const [stored] = await office('GET', `/v2/customers/${person.id}/addresses`);
    assert.deepEqual([stored.line_1, stored.instructions, stored.city], [data.line_1, data.instructions, 'Pawnee']);
    opened.quiet();
  });

  test('tells by the field what an address can\'t have, whoever finds it out', async () => {
    const person = await register();
    const page = await visit();
    await signInAs(page, person);
    await page.getByRole('button', { name: 'Change the address Home' }).click();
    const field = (name) => page.getByLabel(name, { exact: true });
    const errorOf = async (name) => page.locator(`#${await field(name).getAttribute('aria-describedby')}`).textContent();
    // What the page sees by itself.
    await field('Postcode').fill('');
    await field('County').fill('  ');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('2 fields need another look.').waitFor();
    assert.equal(await errorOf('Postcode'), 'Postcode is needed.');
    assert.equal(await errorOf('County'), 'County is needed.');
    assert.equal(await field('Postcode').getAttribute('aria-invalid'), 'true');
    assert.equal(await focused(page), await field('Postcode').getAttribute('id'));
    // What the store alone knows.
    await field('County').fill('Wamapoke');
    await field('Postcode').fill('4'.repeat(33));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('1 field needs another look.').waitFor();
    assert.equal(await errorOf('Postcode'), 'Postcode must have at most 32 characters.');
    assert.equal(await errorOf('County'), '');
    assert.equal(await focused(page), await field('Postcode').getAttribute('id'));
    await field('Postcode').fill('47999');
    await page.getByRole('button', { name: 'Save' }).click();
    await status(page).getByText('The address “Home” is saved.').waitFor();
    opened.quiet();
  });

  // ---------------------------------------------------------------------------------------- the session

  /** Signs in, and resolves with the page and its calls of the issuer: `POST 200 customer_token`, and the tokens sent. */
  const signedIn = async (options, person = LESLIE) => {
    const page = await visit(options);
    const calls = [];
    const tokens = [];
    page.on('response', async (answer) => {
      const asked = answer.request();
      if (!asked.url().endsWith(TOKENS)) return;
      calls.push(`${asked.method()} ${answer.status()} ${asked.postDataJSON()?.data.authentication_mechanism ?? ''}`.trim());
    });
    page.on('request', (asked) => { tokens.push(asked.headers()['x-moltin-customer-token']); });
    await signInAs(page, person);
    return { page, calls, token: () => tokens.at(-1) };
  };
  const orders = async (token) => (await request(storefront.origin, {
    path: '/v2/orders',
    headers: { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'x-moltin-customer-token': token },
  })).status;
  const button = (page) => page.getByRole('button', { name: 'Sign out' });
  const toTheFront = (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

  test('signing out ends the session at the store', async () => {
    const { page, calls, token } = await signedIn();
    const used = token();
    assert.equal(await orders(used), 200);
    const [answer] = await Promise.all([page.waitForResponse(`**${TOKENS}`), button(page).click()]);
    assert.equal(answer.status(), 204);
    assert.equal(await status(page).textContent(), SIGNED_OUT);
    assert.equal(await orders(used), 403);
    assert.deepEqual(calls, ['POST 200 password', 'DELETE 204']);
    opened.quiet();
  });

  for (const [what, answer] of Object.entries({
    'can\'t be reached': (route) => route.abort('connectionrefused'),
    'answers 503': (route) => route.fulfill({ status: 503, json: { errors: [] } }),
  })) {
    test(`signs out on the page when the store ${what}, and says so`, async () => {
      const { page, token } = await signedIn();
      const used = token();
      await page.route(`**${TOKENS}`, answer);
      await button(page).click();
      await status(page).getByText(ONLY_HERE).waitFor();
      assert.equal(await focused(page), 'sign-in-title');
      assert.ok(!(await page.evaluate(() => document.body.textContent)).includes(LESLIE.name));
      assert.equal(await orders(used), 200);
      // Nobody who has signed in again reads of the session before.
      await page.unroute(`**${TOKENS}`);
      await signInAs(page, LESLIE);
      assert.equal(await status(page).textContent(), '');
      opened.quiet();
    });
  }

  test('refreshes the token when five sixths of its time have passed, and goes on', async () => {
    const { page, calls, token } = await signedIn({ clock: true }, await register());
    const first = token();
    await page.clock.fastForward((DAY * 5 / 6 - 300) * 1000);
    assert.deepEqual(calls, ['POST 200 password']);
    await Promise.all([page.waitForResponse(`**${TOKENS}`), page.clock.fastForward(600 * 1000)]);
    await page.locator('#session-end').getByText(/: (24 hours|23 hours and 59 minutes) left\.$/).waitFor();
    assert.deepEqual(calls, ['POST 200 password', 'POST 200 customer_token']);
    await page.getByRole('button', { name: 'Change the address Home' }).click();
    await page.getByLabel('City').fill('Eagleton');
    await Promise.all([
      page.waitForResponse((one) => one.request().method() === 'PUT' && one.status() === 200),
      page.getByRole('button', { name: 'Save' }).click(),
    ]);
    const second = token();
    assert.notEqual(second, first);
    // Of one session, which the sign-out ends.
    assert.deepEqual([await orders(first), await orders(second)], [200, 200]);
    await Promise.all([page.waitForResponse(`**${TOKENS}`), button(page).click()]);
    assert.deepEqual([await orders(first), await orders(second)], [403, 403]);
    opened.quiet();
  });

  test('refreshes when the page comes to the front, and once a minute at most', async () => {
    const { page, calls } = await signedIn({ clock: true });
    await toTheFront(page);
    await page.clock.fastForward(59_000);
    await toTheFront(page);
    assert.deepEqual(calls, ['POST 200 password']);
    await page.clock.fastForward(2_000);
    await Promise.all([page.waitForResponse(`**${TOKENS}`), toTheFront(page)]);
    for (let again = 0; again < 5; again += 1) await toTheFront(page);
    await page.clock.fastForward(30_000);
    await toTheFront(page);
    await page.clock.fastForward(600_000);
    assert.deepEqual(calls, ['POST 200 password', 'POST 200 customer_token']);
    opened.quiet();
  });

  test('tries a refresh that failed again, a minute later', async () => {
    const { page, calls } = await signedIn({ clock: true });
    await page.route(`**${TOKENS}`, (route) => route.fulfill({ status: 503, json: { errors: [] } }), { times: 2 });
    await page.clock.fastForward(61_000);
    await Promise.all([page.waitForResponse(`**${TOKENS}`), toTheFront(page)]);
    for (const status of [503, 200]) {
      const [answer] = await Promise.all([page.waitForResponse(`**${TOKENS}`), page.clock.runFor(125_000)]);
      assert.equal(answer.status(), status);
    }
    assert.deepEqual(calls, ['POST 200 password', 'POST 503 customer_token', 'POST 503 customer_token', 'POST 200 customer_token']);
    opened.quiet();
  });

  test('asks to sign in when the session was ended elsewhere', async () => {
    const { page } = await signedIn({ clock: true }, RON);
    await office('DELETE', `/v2/customers/${RON.id}/tokens`);
    await page.clock.fastForward(61_000);
    await toTheFront(page);
    await status(page).getByText(OVER).waitFor();
    await submit(page).waitFor();
    assert.ok(!(await page.evaluate(() => document.body.textContent)).includes(RON.name));
    opened.quiet();
  });

  // ---------------------------------------------------------------------------------------- for everybody

  test('can be used by the keyboard alone, and shows where one is', async () => {
    const person = await register();
    const page = await visit();
    const tab = async (expected) => {
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), expected);
      const outline = await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return `${outlineStyle} ${outlineWidth}`;
      });
      assert.equal(outline, 'solid 3px', expected);
    };
    await tab('Skip to the content');
    await tab('email');
    await page.keyboard.type(person.email);
    await tab('password');
    await page.keyboard.type(person.password);
    await tab('show-password');
    await tab('Sign in');
    await page.keyboard.press('Enter');
    await everythingIsShown(page);
    assert.equal(await focused(page), 'greeting');
    await tab('Change the address Home');
    await page.keyboard.press('Space');
    for (let fields = 0; fields < 4; fields += 1) await page.keyboard.press('Tab');
    assert.ok(await page.getByLabel('Company').evaluate((one) => one === document.activeElement));
    await page.keyboard.type('Pawnee General');
    await page.keyboard.press('Enter');
    await status(page).getByText('The address “Home” is saved.').waitFor();
    await page.getByText('Pawnee General').waitFor();
    assert.equal(await focused(page), 'Change the address Home');
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Away');
    for (let fields = 0; fields < 14; fields += 1) await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Cancel');
    await page.keyboard.press('Enter');
    assert.equal(await status(page).textContent(), 'Nothing was changed.');
    assert.equal(await focused(page), 'Change the address Home');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(page), 'sign-out');
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), 'sign-in-title');
    opened.quiet();
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`has no barrier that axe-core finds, on ${colorScheme} ground`, async () => {
      const page = await visit({ colorScheme });
      assert.deepEqual(await barriers(page), []);
      await picture(page, `${colorScheme}-signed-out`);
      await email(page).fill(RON.email);
      await password(page).fill('saxophone');
      await submit(page).click();
      await alert(page).getByText(/belong together/).waitFor();
      assert.deepEqual(await barriers(page), []);
      await picture(page, `${colorScheme}-error`);
      await signInAs(page, RON);
      assert.deepEqual(await barriers(page), []);
      await picture(page, `${colorScheme}-signed-in`);
      await page.getByRole('button', { name: 'Change the address Office' }).click();
      await page.getByLabel('Postcode').fill('');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('1 field needs another look.').waitFor();
      assert.deepEqual(await barriers(page), []);
      await picture(page, `${colorScheme}-editing`);
      await page.getByRole('button', { name: 'Sign out' }).click();
      assert.deepEqual(await barriers(page), []);
      await picture(page, `${colorScheme}-signed-out-again`);
      opened.quiet();
    });
  }

  for (const [what, { width, text = 1, colorScheme }] of Object.entries({
    'on a screen of 320 pixels': { width: 320, colorScheme: 'light' },
    'on a screen of 320 pixels, dark': { width: 320, colorScheme: 'dark' },
    'with text of twice the size': { width: 640, text: 2, colorScheme: 'light' },
  })) {
    test(`has nothing that runs out of it ${what}`, async () => {
      const page = await visit({ colorScheme, viewport: { width, height: 700 } });
      const name = `${width}-${colorScheme}`;
      await page.evaluate((size) => { document.documentElement.style.fontSize = `${size}%`; }, text * 100);
      const fits = async () => {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, width);
      };
      await fits();
      await picture(page, `${name}-signed-out`);
      await signInAs(page, RON);
      await fits();
      await picture(page, `${name}-signed-in`);
      await page.getByRole('button', { name: 'Change the address Office' }).click();
      await fits();
      await picture(page, `${name}-editing`);
      opened.quiet();
    });
  }

  test('moves nothing for whoever asks for that', async () => {
    const page = await visit({ reducedMotion: 'reduce' });
    const moving = () => page.evaluate(() => [...document.querySelectorAll('*')]
      .filter((one) => getComputedStyle(one).transitionDuration !== '0s' || getComputedStyle(one).animationName !== 'none').length);
    assert.equal(await moving(), 0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    assert.notEqual(await moving(), 0);
    opened.quiet();
  });
});
