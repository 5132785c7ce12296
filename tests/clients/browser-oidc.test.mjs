// A customer signs in on the storefront's page with a provider: npm `oidc-provider`, and its own pages.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { NOTHING, alert, barriers, everythingIsShown, kept, launch, open, picture } from './browser.mjs';
import { startProvider } from './provider.mjs';
import { startRecorder, startStorefront } from './support.mjs';

const LOGIN = '/v2/customers/tokens';
const FOREIGN = 'This sign-in was not begun in this tab, or it is over already. Please begin again.';

describe('the page and a provider', { timeout: 240_000 }, () => {
  let front, home, provider, storefront, browser, opened;
  before(async () => {
    // The provider has to know where the page is, and the storefront where the provider is. So the page's address is
    // that of a recorder, which passes on to the storefront as soon as there is one.
    const behind = new URL('http://127.0.0.1:1');
    front = await startRecorder(behind);
    // By this name the page is of another site than the provider, and each has cookies of its own.
    home = front.origin.replace('127.0.0.1', 'localhost');
    provider = await startProvider({
      clients: [{ client_id: 'shop', redirect_uris: [`${home}/`], token_endpoint_auth_method: 'none' }],
    });
    storefront = await startStorefront({ env: variables(provider.issuer) });
    behind.port = new URL(storefront.origin).port;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await storefront?.stop();
    await provider?.stop();
    await front?.stop();
  });
  afterEach(async () => {
    await opened?.close();
    opened = undefined;
    front.taken();
  });

  const variables = (issuer) => ({
    STOREFRONT_OIDC_ISSUER: issuer,
    STOREFRONT_OIDC_CLIENT_ID: 'shop',
    STOREFRONT_OIDC_REDIRECT_URI: `${home}/`,
    STOREFRONT_OIDC_INSECURE_LOOPBACK: '1',
    STOREFRONT_OIDC_NONCE: 'code_challenge',
  });
  const visit = async (options) => {
    opened = await open(browser, home, options);
    return opened.page;
  };
  const continueWith = (page) => page.getByRole('button', { name: `Continue with ${new URL(provider.issuer).host}` });
  const logins = () => front.takenWhole().filter(({ method, url }) => method === 'POST' && url === LOGIN);
  /** Goes to the provider; resolves with what the page asked it for. */
  const leave = async (page) => {
    const asked = page.waitForRequest((one) => one.url().startsWith(`${provider.issuer}/auth?`));
    await continueWith(page).click();
    const question = Object.fromEntries(new URL((await asked).url()).searchParams);
    await page.getByPlaceholder('Enter any login').waitFor();
    return question;
  };
  /** Goes through the provider's two forms, as `login`, and back to the page. */
  const signInThere = async (page, login) => {
    await page.getByPlaceholder('Enter any login').fill(login);
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
  };
  const addressesInHistory = async (page) => {
    const devtools = await opened.context.newCDPSession(page);
    const { entries } = await devtools.send('Page.getNavigationHistory');
    return entries.map(({ url }) => url).filter((url) => url.startsWith(home));
  };

  test('signs in with it, and leaves nothing behind', async () => {
    const page = await visit();
    await picture(page, 'light-provider');
    assert.deepEqual(await barriers(page), []);
    const question = await leave(page);
    await signInThere(page, 'april');
    await everythingIsShown(page);
    assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Hello, The one called april');
    assert.deepEqual(await page.locator('#details dd').allTextContents(),
      ['The one called april', 'april@provider.example', 'with a provider']);
    assert.equal(page.url(), `${home}/`);
    assert.deepEqual(await kept(opened), NOTHING);
    // The code is in no address that the browser remembers.
    assert.deepEqual(await addressesInHistory(page), [`${home}/`, `${home}/`]);

    const [login] = logins();
    const { data } = JSON.parse(login.body);
    const { oauth_authorization_code: code, oauth_code_verifier: verifier } = data;
    assert.deepEqual(data, {
      type: 'token',
      authentication_mechanism: 'oidc',
      oauth_authorization_code: code,
      oauth_redirect_uri: `${home}/`,
      oauth_code_verifier: verifier,
    });
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    assert.deepEqual(question, {
      response_type: 'code',
      client_id: 'shop',
      redirect_uri: `${home}/`,
      scope: 'openid profile email',
      state: question.state,
      nonce: challenge,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    });
    for (const secret of [question.state, verifier]) assert.match(secret, /^[\w-]{43}$/);
    assert.notEqual(question.state, verifier);
    opened.quiet();
  });

  test('comes to the same customer the next time, with secrets of its own', async () => {
    const customers = [];
    const states = [];
    for (let times = 0; times < 2; times += 1) {
      const page = await visit();
      states.push((await leave(page)).state);
      const answer = page.waitForResponse((one) => one.url().endsWith(LOGIN));
      await signInThere(page, 'tom');
      customers.push((await (await answer).json()).data.customer_id);
      await everythingIsShown(page);
      opened.quiet();
      await opened.close();
    }
    assert.equal(customers[0], customers[1]);
    assert.notEqual(states[0], states[1]);
  });

  test('takes no answer to a question that it has not asked', async () => {
    const page = await visit({ at: '/?code=stolen&state=guessed' });
    await alert(page).getByText(FOREIGN).waitFor();
    assert.equal(page.url(), `${home}/`);
    assert.deepEqual(logins(), []);
    opened.quiet();
  });

  test('takes no answer with another state, and then not the right one either', async () => {
    const page = await visit();
    const { state } = await leave(page);
    // Somebody else's code, by which the shopper would be signed in as them.
    await page.goto(`${home}/?code=theirs&state=${state}x`);
    await alert(page).getByText(FOREIGN).waitFor();
    await page.goto(`${home}/?code=theirs&state=${state}`);
    await alert(page).getByText(FOREIGN).waitFor();
    assert.deepEqual(await kept(opened), NOTHING);
    assert.deepEqual(logins(), []);
    opened.quiet();
  });

  for (const [what, more] of Object.entries({
    'of another issuer': '&iss=https%3A%2F%2Fid.example',
    'with a second state': '&state=another',
  })) {
    test(`takes no answer ${what}`, async () => {
      const page = await visit();
      const { state } = await leave(page);
      await page.goto(`${home}/?code=theirs&state=${state}${more}`);
      await alert(page).getByText(FOREIGN).waitFor();
      assert.deepEqual(logins(), []);
      opened.quiet();
    });
  }

  test('says so to whoever stops at the provider', async () => {
    const page = await visit();
    await leave(page);
    await page.getByRole('link', { name: 'Cancel' }).click();
    await alert(page).getByText(`You have not signed in: you stopped at ${new URL(provider.issuer).host}.`).waitFor();
    assert.equal(page.url(), `${home}/`);
    assert.deepEqual(logins(), []);
    opened.quiet();
  });

  test('says so when the store can\'t use the provider\'s answer', async () => {
    const page = await visit();
    const { state } = await leave(page);
    await page.goto(`${home}/?code=invented&state=${state}`);
    await alert(page).getByText(/^The store could not accept what .+ said of you\. Please begin again\.$/).waitFor();
    assert.deepEqual(logins().map(({ status }) => status), [403]);
    assert.equal(await page.locator('[aria-invalid]').count(), 0);
    opened.quiet();
  });

  test('says so when the provider can\'t be reached, and works again when it can', async () => {
    const page = await visit();
    const { state } = await leave(page);
    await provider.kill();
    await page.goto(`${home}/?code=anything&state=${state}`);
    await alert(page).getByText(/can’t be reached at the moment\. /).waitFor();
    assert.deepEqual(logins().map(({ status }) => status), [503]);
    await picture(page, 'light-provider-down');
    // The password still opens.
    assert.equal(await page.getByLabel('Password', { exact: true }).isEnabled(), true);
    await provider.restart();
    await leave(page);
    await signInThere(page, 'april');
    await everythingIsShown(page);
    opened.quiet();
  });

  test('offers a provider that was never there, and says that it is not', async () => {
    // A port that somebody holds and nobody answers at.
    const silent = http.createServer((_, answer) => answer.destroy());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const host = `127.0.0.1:${silent.address().port}`;
    const other = await startStorefront({ env: variables(`http://${host}`) });
    try {
      opened = await open(browser, other.origin);
      const { page } = opened;
      await page.getByRole('button', { name: `Continue with ${host}` }).click();
      await alert(page).getByText('This provider can’t be reached at the moment. You can try again in 1 second.').first().waitFor();
      await page.getByRole('status').getByText('You can try again now.').waitFor();
      assert.deepEqual(await kept(opened), NOTHING);
      opened.quiet();
    } finally {
      await other.stop();
      silent.close();
    }
  });
});
