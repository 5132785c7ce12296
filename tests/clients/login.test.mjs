// A customer logs in through the SDKs.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  BACK_OFFICE, LESLIE, RON, WRONG_CREDENTIALS, assertErrors, claimsOf, everyClient, mint, refused, rejection,
  startRecorder, startStorefront,
} from './support.mjs';

const LOGIN = 'POST /v2/customers/tokens';
const ACCESS = 'POST /oauth/access_token';

everyClient(({ sdk, form }) => describe(`login, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront, recorder, shop;
  before(async () => {
    storefront = await startStorefront({ form });
    recorder = await startRecorder(storefront.origin);
    shop = sdk.shop(recorder.host);
    await shop.Authenticate();
    recorder.taken();
  });
  afterEach(() => recorder.taken());
  after(async () => {
    await recorder.stop();
    await storefront.stop();
  });

  test('resolves with the token object of the document, and nothing else', async () => {
    const before = Math.floor(Date.now() / 1000);
    const answer = await shop.Customers.TokenViaPassword(RON.email, RON.password);
    const after = Math.floor(Date.now() / 1000);
    const { id, token, expires } = answer.data;
    assert.deepEqual(answer, { data: { type: 'token', id, customer_id: RON.id, token, expires } });
    assert.deepEqual(recorder.taken(), [`${LOGIN} 200`]);

    const claims = claimsOf(token);
    const { iat } = claims;
    assert.ok(before <= iat && iat <= after, `${before} <= ${iat} <= ${after}`);
    assert.deepEqual(claims, { sub: RON.id, name: RON.name, exp: iat + 86_400, iat, jti: id });
    assert.equal(expires, claims.exp);
    // Byte for byte what the same claims give when they are signed by hand: the form, the order, the spelling.
    assert.equal(token, mint(form, claims));
  });

  test('opens the customer\'s own data with the token', async () => {
    const { token } = (await shop.Customers.TokenViaPassword(LESLIE.email, LESLIE.password)).data;
    const { data } = await shop.Customers.Get(LESLIE.id, token);
    assert.deepEqual([data.id, data.name, data.email], [LESLIE.id, LESLIE.name, LESLIE.email]);
  });

  test('works under the older name of the call', async () => {
    const { data } = await shop.Customers.Token(RON.email, RON.password);
    assert.equal(data.customer_id, RON.id);
  });

  test('finds the customer whatever the case of the e-mail', async () => {
    const { data } = await shop.Customers.TokenViaPassword('Ron@SWANSON.com', RON.password);
    assert.equal(data.customer_id, RON.id);
  });

  test('gives another token each time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => shop.Customers.TokenViaPassword(RON.email, RON.password)));
    assert.notEqual(one.data.id, other.data.id);
    assert.notEqual(one.data.token, other.data.token);
  });

  test('with a wrong password reaches the server once and rejects with the answer itself', async () => {
    await refused(shop.Customers.TokenViaPassword(RON.email, 'not the password'), WRONG_CREDENTIALS);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 403`]);
  });

  test('with an unknown e-mail rejects with the same answer as with a wrong password', async () => {
    await refused(shop.Customers.TokenViaPassword('nobody@pawnee.gov', 'not the password'), WRONG_CREDENTIALS);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 403`]);
  });

  test('with another customer\'s password rejects like any wrong one', async () => {
    await refused(shop.Customers.TokenViaPassword(RON.email, LESLIE.password), WRONG_CREDENTIALS);
  });

  test('without a password names the field', async () => {
    assertErrors(await rejection(shop.Customers.TokenViaPassword(RON.email, '')), 400, ['password']);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 400`]);
  });

  test('without both fields names both', async () => {
    assertErrors(await rejection(shop.Customers.TokenViaPassword('', undefined)), 400, ['email', 'password']);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 400`]);
  });

  test('by OpenID Connect is a 400 where none is configured', async () => {
    const body = await rejection(shop.Customers.TokenViaOIDC(
      'c2490f06-6d8e-4927-99aa-4bf02b419e96', 'https://example-store.com/oauth2/callback',
      '0E934PurR8ExVg6Pj7T4kQewxKzWSfSFG5d15FGfww8',
    ));
    assertErrors(body, 400, ['authentication_mechanism']);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 400`]);
  });

  test('fetches one access token for all that follows', async () => {
    const fresh = sdk.shop(recorder.host);
    await fresh.Customers.TokenViaPassword(RON.email, RON.password);
    await fresh.Customers.TokenViaPassword(LESLIE.email, LESLIE.password);
    assert.deepEqual(recorder.taken(), [`${ACCESS} 200`, `${LOGIN} 200`, `${LOGIN} 200`]);
  });

  test('works with client credentials as well', async () => {
    const office = sdk.shop(recorder.host, BACK_OFFICE);
    const { data } = await office.Customers.TokenViaPassword(RON.email, RON.password);
    assert.equal(data.customer_id, RON.id);
    assert.deepEqual(recorder.taken(), [`${ACCESS} 200`, `${LOGIN} 200`]);
  });

  test('heals itself when the server no longer knows its access token', async () => {
    const forgotten = sdk.shop(recorder.host, { retryDelay: 1, retryJitter: 1 });
    await forgotten.Authenticate();
    const { storage } = forgotten.config;
    const key = [...storage.state.keys()].find((one) => one.endsWith('Credentials'));
    storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), access_token: 'of-another-server' }));
    recorder.taken();
    const { data } = await forgotten.Customers.TokenViaPassword(RON.email, RON.password);
    assert.equal(data.customer_id, RON.id);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 401`, `${ACCESS} 200`, `${LOGIN} 200`]);
  });
}));

everyClient(({ sdk, form }) => describe(`access tokens, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront;
  before(async () => { storefront = await startStorefront({ form }); });
  after(() => storefront.stop());

  for (const [identifier, client] of [['implicit', { client_id: 'X' }], ['client_credentials', BACK_OFFICE]]) {
    test(`resolves with a flat ${identifier} token whose expiry is in whole seconds`, async () => {
      const before = Math.floor(Date.now() / 1000);
      const answer = await sdk.shop(storefront.host, client).Authenticate();
      const after = Math.floor(Date.now() / 1000);
      const { access_token, expires } = answer;
      assert.deepEqual(answer, { access_token, token_type: 'Bearer', expires, expires_in: 3600, identifier });
      assert.equal(typeof access_token, 'string');
      assert.ok(before + 3600 <= expires && expires <= after + 3600, String(expires));
    });
  }

  test('does not revoke one by issuing another', async () => {
    const shops = [1, 2, 3, 4, 5].map(() => sdk.shop(storefront.host));
    const tokens = await Promise.all(shops.map((shop) => shop.Authenticate()));
    assert.equal(new Set(tokens.map((token) => token.access_token)).size, 5);
    for (const shop of shops) {
      const { data } = await shop.Customers.TokenViaPassword(RON.email, RON.password);
      assert.equal(data.customer_id, RON.id);
    }
  });

  for (const [what, client] of [
    ['an unknown client', { client_id: 'Y' }],
    ['a wrong client secret', { ...BACK_OFFICE, client_secret: 'storefront-secrex' }],
    ['a client that may only have an implicit one, with a secret', { client_id: 'X', client_secret: 'storefront-secret' }],
  ]) {
    test(`rejects ${what}`, async () => {
      assertErrors(await rejection(sdk.shop(storefront.host, client).Authenticate()), 403);
    });
  }
}));
