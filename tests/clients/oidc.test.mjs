// A customer signs in through the SDKs with a provider: npm `oidc-provider`, in a process of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { newPkce, oidcBody, oidcEnv, startProvider } from './provider.mjs';
import {
  BACK_OFFICE, RON, SDKS, WRONG_CREDENTIALS, accessToken, assertErrors, claimsOf, freshFolder, refused, rejection, request,
  startRecorder, startStorefront, within,
} from './support.mjs';

const LOGIN = 'POST /v2/customers/tokens';
const REDIRECT = 'https://shop.example/oauth2/callback';
const METHODS = { basic: 'client_secret_basic', post: 'client_secret_post', public: 'none' };
const ALGS = ['RS256', 'ES256', 'EdDSA'];

/** A client of each kind. Its secret is one that has to be encoded, in a header and in a form (RFC 6749 section 2.3.1). */
function clientOf(kind, alg) {
  return {
    client_id: `${kind}-${alg}`,
    token_endpoint_auth_method: METHODS[kind],
    ...(kind !== 'public' && { client_secret: 's%cret: w+th/all? of=it&more' }),
    redirect_uris: [REDIRECT],
    id_token_signed_response_alg: alg,
  };
}

/** Signs in at the provider; resolves with what the page would post to the store. */
async function codeFor(provider, client, login, { nonce } = {}) {
  const { verifier, challenge } = newPkce();
  const [redirectUri] = client.redirect_uris;
  const asked = { clientId: client.client_id, redirectUri, login, challenge, nonce: nonce?.(challenge) };
  return { code: await provider.signIn(asked), redirectUri, verifier };
}

const exchange = (shop, { code, redirectUri, verifier }) => shop.Customers.TokenViaOIDC(code, redirectUri, verifier);

describe('signed in at a provider', { timeout: 180_000 }, () => {
  const clients = Object.keys(METHODS).flatMap((kind) => ALGS.map((alg) => clientOf(kind, alg)));
  let provider;
  before(async () => { provider = await startProvider({ clients }); });
  after(() => provider.stop());

  for (const client of clients) describe(`as a client ${client.client_id}`, () => {
    let storefront, recorder;
    before(async () => {
      storefront = await startStorefront({ env: oidcEnv(provider, client) });
      recorder = await startRecorder(storefront.origin);
    });
    after(async () => {
      await recorder.stop();
      await storefront.stop();
    });

    for (const sdk of SDKS) test(`${sdk.name} gets a token that opens the customer's data`, async () => {
      const shop = sdk.shop(recorder.host);
      await shop.Authenticate();
      recorder.taken();
      const exchanges = await provider.tokenRequests();
      const answer = await exchange(shop, await codeFor(provider, client, 'april'));
      const { id, customer_id, token, expires } = answer.data;
      assert.deepEqual(answer, { data: { type: 'token', id, customer_id, token, expires } });
      assert.deepEqual(recorder.taken(), [`${LOGIN} 200`]);
      assert.equal(await provider.tokenRequests(), exchanges + 1);

      const claims = claimsOf(token);
      const { iat } = claims;
      assert.deepEqual(claims, { sub: customer_id, name: 'The one called april', exp: iat + 86_400, iat, jti: id });
      const { data } = await shop.Customers.Get(customer_id, token);
      assert.deepEqual([data.id, data.name, data.email, data.password],
        [customer_id, 'The one called april', 'april@provider.example', false]);
    });
  });
});

for (const sdk of SDKS) describe(`a sign-in with a provider, ${sdk.name}`, { timeout: 120_000 }, () => {
  const client = clientOf('basic', 'RS256');
  const accounts = {
    ron: { email: RON.email, email_verified: true, name: 'Ron by the provider' },
    nameless: {},
  };
  let provider, storefront, recorder, shop;
  before(async () => {
    provider = await startProvider({ clients: [client], accounts });
    storefront = await startStorefront({ env: oidcEnv(provider, client) });
    recorder = await startRecorder(storefront.origin);
    shop = sdk.shop(recorder.host);
    await shop.Authenticate();
    recorder.taken();
  });
  afterEach(() => recorder.taken());
  after(async () => {
    await recorder.stop();
    await storefront.stop();
    await provider.stop();
  });

  test('finds the same customer each time, and another one for another subject', async () => {
    const ids = [];
    for (const login of ['andy', 'andy', 'Andy', 'andy']) {
      ids.push((await exchange(shop, await codeFor(provider, client, login))).data.customer_id);
    }
    assert.deepEqual([ids[1], ids[3]], [ids[0], ids[0]]);
    // Subjects are compared as they are (OpenID Connect Core 1.0 section 2).
    assert.notEqual(ids[2], ids[0]);
  });

  test('by a code that was used already is refused, and the provider not asked again', async () => {
    const signedIn = await codeFor(provider, client, 'ann');
    await exchange(shop, signedIn);
    recorder.taken();
    const exchanges = await provider.tokenRequests();
    await refused(exchange(shop, signedIn), WRONG_CREDENTIALS);
    // With another verifier it is the same code.
    await refused(exchange(shop, { ...signedIn, verifier: newPkce().verifier }), WRONG_CREDENTIALS);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 403`, `${LOGIN} 403`]);
    assert.equal(await provider.tokenRequests(), exchanges);
  });

  test('posted 10 times at once is exchanged once', async () => {
    const signedIn = await codeFor(provider, client, 'ben');
    const exchanges = await provider.tokenRequests();
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => exchange(shop, signedIn)));
    const refusals = attempts.filter(({ status }) => status === 'rejected');
    assert.equal(refusals.length, 9);
    for (const { reason } of refusals) assert.deepEqual(reason, WRONG_CREDENTIALS);
    assert.equal(await provider.tokenRequests(), exchanges + 1);
  });

  test('with a wrong verifier is refused by the provider, and the code is spent', async () => {
    const signedIn = await codeFor(provider, client, 'chris');
    const exchanges = await provider.tokenRequests();
    await refused(exchange(shop, { ...signedIn, verifier: newPkce().verifier }), WRONG_CREDENTIALS);
    await refused(exchange(shop, signedIn), WRONG_CREDENTIALS);
    assert.deepEqual(recorder.taken(), [`${LOGIN} 403`, `${LOGIN} 403`]);
    assert.equal(await provider.tokenRequests(), exchanges + 1);
  });

  test('with a code that nobody gave out is refused', async () => {
    const { verifier } = newPkce();
    const code = 'c2490f06-6d8e-4927-99aa-4bf02b419e96';
    await refused(exchange(shop, { code, redirectUri: REDIRECT, verifier }), WRONG_CREDENTIALS);
  });

  test('with a redirect URI that is not exactly the registered one is refused, and the provider not asked', async () => {
    const signedIn = await codeFor(provider, client, 'donna');
    const counts = await provider.counts();
    for (const redirectUri of [
      `${REDIRECT}/`, `${REDIRECT}?x=1`, 'https://SHOP.example/oauth2/callback', 'https://shop.example', 'javascript:x', 'x',
    ]) {
      await refused(exchange(shop, { ...signedIn, redirectUri }), WRONG_CREDENTIALS);
      assert.deepEqual(recorder.taken(), [`${LOGIN} 403`], redirectUri);
    }
    assert.deepEqual(await provider.counts(), counts);
    // Nor is the code spent: nobody has tried it.
    await exchange(shop, signedIn);
  });

  test('with a verifier that is none names the field, and the provider is not asked', async () => {
    const signedIn = await codeFor(provider, client, 'eagleton');
    const counts = await provider.counts();
    for (const verifier of ['a'.repeat(42), 'a'.repeat(129), `${'a'.repeat(42)}+`, `${'a'.repeat(42)} `, `${'a'.repeat(42)}ü`]) {
      assertErrors(await rejection(exchange(shop, { ...signedIn, verifier })), 400, ['oauth_code_verifier']);
      assert.deepEqual(recorder.taken(), [`${LOGIN} 400`], verifier);
    }
    assert.deepEqual(await provider.counts(), counts);
    await exchange(shop, signedIn);
  });

  test('without its fields names each', async () => {
    const all = ['oauth_authorization_code', 'oauth_redirect_uri', 'oauth_code_verifier'];
    assertErrors(await rejection(shop.Customers.TokenViaOIDC()), 400, all);
    assertErrors(await rejection(shop.Customers.TokenViaOIDC('', REDIRECT, newPkce().verifier)), 400, all.slice(0, 1));
  });

  test('opens the record for reading and changing, and lists nobody else', async () => {
    const { customer_id, token } = (await exchange(shop, await codeFor(provider, client, 'garry'))).data;
    const { data } = await shop.Customers.Update(customer_id, { name: 'Jerry' }, token);
    assert.deepEqual([data.id, data.name, data.email], [customer_id, 'Jerry', 'garry@provider.example']);
    assert.equal((await shop.Customers.Get(customer_id, token)).data.name, 'Jerry');
    assert.deepEqual((await shop.Orders.All(token)).data, []);
    // What the customer calls themselves here is not undone by the provider.
    const again = (await exchange(shop, await codeFor(provider, client, 'garry'))).data;
    assert.deepEqual([again.customer_id, claimsOf(again.token).name], [customer_id, 'Jerry']);
  });

  test('makes a customer whom no password lets in', async () => {
    await exchange(shop, await codeFor(provider, client, 'jean-ralphio'));
    const email = 'jean-ralphio@provider.example';
    for (const password of ['password', ' ', 'null', '\u0000', 'x'.repeat(1024)]) {
      await refused(shop.Customers.TokenViaPassword(email, password), WRONG_CREDENTIALS);
    }
    assertErrors(await rejection(shop.Customers.TokenViaPassword(email, '')), 400, ['password']);
  });

  test('with the e-mail of somebody who has a password makes another customer, and takes nothing away', async () => {
    const { customer_id } = (await exchange(shop, await codeFor(provider, client, 'ron'))).data;
    assert.notEqual(customer_id, RON.id);
    assert.equal((await shop.Customers.TokenViaPassword(RON.email, RON.password)).data.customer_id, RON.id);
  });

  test('without e-mail and name is one all the same', async () => {
    const { customer_id, token } = (await exchange(shop, await codeFor(provider, client, 'nameless'))).data;
    const { data } = await shop.Customers.Get(customer_id, token);
    assert.deepEqual([data.email, data.password], ['', false]);
    // Nobody's e-mail is nobody's name for logging in.
    assertErrors(await rejection(shop.Customers.TokenViaPassword('', 'password')), 400, ['email']);
  });
});

describe('a provider that tells name and e-mail at its userinfo endpoint', { timeout: 60_000 }, () => {
  const client = clientOf('post', 'ES256');
  let provider, storefront, shop;
  before(async () => {
    provider = await startProvider({ clients: [client], claimsIn: 'userinfo' });
    storefront = await startStorefront({ env: oidcEnv(provider, client) });
    shop = SDKS[0].shop(storefront.host);
  });
  after(async () => {
    await storefront.stop();
    await provider.stop();
  });

  test('is asked there', async () => {
    const { customer_id, token } = (await exchange(shop, await codeFor(provider, client, 'mark'))).data;
    const { data } = await shop.Customers.Get(customer_id, token);
    assert.deepEqual([data.name, data.email], ['The one called mark', 'mark@provider.example']);
    assert.equal((await provider.counts())['/me'], 1);
  });
});

describe('the nonce of a page that sends its code challenge', { timeout: 60_000 }, () => {
  const client = clientOf('public', 'EdDSA');
  let provider, storefront, shop;
  before(async () => {
    provider = await startProvider({ clients: [client] });
    storefront = await startStorefront({ env: oidcEnv(provider, client, { STOREFRONT_OIDC_NONCE: 'code_challenge' }) });
    shop = SDKS[0].shop(storefront.host);
  });
  after(async () => {
    await storefront.stop();
    await provider.stop();
  });

  test('is compared', async () => {
    const good = await codeFor(provider, client, 'perd', { nonce: (challenge) => challenge });
    assert.equal(typeof (await exchange(shop, good)).data.token, 'string');
    for (const nonce of [() => newPkce().challenge, () => undefined]) {
      await refused(exchange(shop, await codeFor(provider, client, 'perd', { nonce })), WRONG_CREDENTIALS);
    }
  });
});

describe('an e-mail that a customer has already', { timeout: 60_000 }, () => {
  const client = clientOf('basic', 'RS256');
  const accounts = {
    verified: { email: RON.email.toUpperCase(), email_verified: true, name: 'Ron' },
    unverified: { email: RON.email, email_verified: false, name: 'Tammy' },
    unsaid: { email: RON.email, name: 'Tammy' },
    text: { email: RON.email, email_verified: 'true', name: 'Tammy' },
  };
  let provider, storefront, shop;
  before(async () => { provider = await startProvider({ clients: [client], accounts }); });
  after(() => provider.stop());
  afterEach(() => storefront.stop());
  const open = async (policy) => {
    storefront = await startStorefront({ env: oidcEnv(provider, client, { STOREFRONT_OIDC_DUPLICATE_EMAIL: policy }) });
    shop = SDKS[0].shop(storefront.host);
  };
  const signIn = async (login) => exchange(shop, await codeFor(provider, client, login));

  test('links by api_only, if it is verified, and takes password and tokens away', async () => {
    await open('api_only');
    const before = (await shop.Customers.TokenViaPassword(RON.email, RON.password)).data.token;
    for (const login of ['unverified', 'unsaid', 'text']) assert.notEqual((await signIn(login)).data.customer_id, RON.id);
    assert.equal((await shop.Customers.Get(RON.id, before)).data.password, true);

    const { customer_id, token } = (await signIn('verified')).data;
    assert.equal(customer_id, RON.id);
    assert.equal((await shop.Customers.Get(RON.id, token)).data.password, false);
    await refused(shop.Customers.TokenViaPassword(RON.email, RON.password), WRONG_CREDENTIALS);
    assertErrors(await rejection(shop.Customers.Get(RON.id, before)), 403);
    assert.equal((await signIn('verified')).data.customer_id, RON.id);
  });

  test('is refused by disallowed, verified or not', async () => {
    await open('disallowed');
    for (const login of Object.keys(accounts)) await refused(signIn(login), WRONG_CREDENTIALS);
    assert.equal((await shop.Customers.TokenViaPassword(RON.email, RON.password)).data.customer_id, RON.id);
    assert.equal(typeof (await signIn('somebody-else')).data.token, 'string');
  });
});

describe('a public client, legacy tokens', { timeout: 60_000 }, () => {
  const client = clientOf('public', 'RS256');
  let provider, storefront, folder;
  before(async () => {
    provider = await startProvider({ clients: [client] });
    storefront = await startStorefront({ form: 'legacy', env: oidcEnv(provider, client) });
    folder = freshFolder();
    writeFileSync(path.join(folder.path, '.curlrc'), 'silent\nnoproxy = "*"\nmax-time = 20\n');
  });
  after(async () => {
    folder.remove();
    await storefront.stop();
    await provider.stop();
  });

  test('the document\'s own call as printed, but for its values, gives a token', async () => {
    const { code, redirectUri, verifier } = await codeFor(provider, client, 'tom');
    const bearer = await accessToken(storefront.origin);
    const printed = readFileSync(new URL('curl/oidc.sh', import.meta.url), 'utf8');
    const script = Object.entries({
      'http://127.0.0.1:8080': storefront.origin,
      XXXX: bearer,
      'c2490f06-6d8e-4927-99aa-4bf02b419e96': code,
      'https://example-store.com/oauth2/callback': redirectUri,
      '0E934PurR8ExVg6Pj7T4kQewxKzWSfSFG5d15FGfww8': verifier,
    }).reduce((text, [from, to]) => {
      assert.ok(text.includes(from), from);
      return text.replace(from, () => to);
    }, printed);
    const child = spawn('bash', ['-s'], {
      env: { PATH: process.env.PATH, HOME: folder.path, CURL_HOME: folder.path },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
    child.stdin.end(script);
    await within(25_000, 'the shell', new Promise((resolve) => child.once('close', resolve)));
    const { id, customer_id, token, expires } = JSON.parse(output).data;
    assert.deepEqual(JSON.parse(output), { data: { type: 'token', id, customer_id, token, expires } });
    assert.equal(claimsOf(token).sub, customer_id);
  });

  test('a first sign-in is one customer more in the back office', async () => {
    const signedIn = await codeFor(provider, client, 'tammy');
    const headers = { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'content-type': 'application/json' };
    const office = { authorization: `Bearer ${await accessToken(storefront.origin, BACK_OFFICE)}` };
    const customers = async () => (await request(storefront.origin, { path: '/v2/customers', headers: office })).json;
    const { meta: { results: { total } } } = await customers();
    const login = { method: 'POST', path: '/v2/customers/tokens', headers, body: oidcBody(signedIn) };
    const { customer_id } = (await request(storefront.origin, login)).json.data;
    const { data, meta } = await customers();
    assert.equal(meta.results.total, total + 1);
    assert.deepEqual(data.filter(({ id }) => id === customer_id).map(({ email, password }) => [email, password]),
      [['tammy@provider.example', false]]);
  });
});
