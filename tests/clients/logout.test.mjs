// Logout, logout everywhere and refresh. The SDKs have no calls for these, so `fetch` makes them beside the SDK.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  BACK_OFFICE, LESLIE, NOBODY, RON, SDKS, TOKEN_INVALID, accessToken, assertErrors, claimsFor, claimsOf, freshFolder,
  loginBody, mint, refused, request, startStorefront, tokenOf, within,
} from './support.mjs';

/** Rounds between two processes on one file. 1000 is the full form. */
const ROUNDS = Number(process.env.LOGOUT_ROUNDS ?? 50);
/** Changes, of each kind, that race refreshes. */
const RACES = 4;
/** Milliseconds in which one process must know what another has revoked: past its bound it may not accept anything. */
const PROPAGATION = 10_000;
const TOKENS = '/v2/customers/tokens';
const REFRESH = JSON.stringify({ data: { type: 'token', authentication_mechanism: 'customer_token' } });
const DAY = 24 * 60 * 60;

const everywhere = (customer) => `/v2/customers/${customer.id}/tokens`;

/** Calls of one storefront by `fetch`. */
function api(origin, bearers) {
  const call = async (method, path, token, { bearer = bearers.page, body, ...headers } = {}) => {
    const answer = await fetch(origin + path, {
      method,
      headers: {
        ...(bearer && { authorization: `Bearer ${bearer}` }),
        ...(token && { 'x-moltin-customer-token': token }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      body,
    });
    const text = await answer.text();
    const get = (name) => answer.headers.get(name);
    return { status: answer.status, text, get, get json() { return JSON.parse(text); } };
  };
  const issued = (answer) => {
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data.token;
  };
  return {
    call,
    bearers,
    register: async (email) => {
      const customer = { type: 'customer', name: 'Ann Perkins', email, password: 'a long enough one' };
      const made = await call('POST', '/v2/customers', undefined, { body: JSON.stringify({ data: customer }) });
      assert.equal(made.status, 201, made.text);
      return { ...customer, id: made.json.data.id };
    },
    login: async ({ email, password }) => issued(await call('POST', TOKENS, undefined, { body: loginBody(email, password) })),
    refresh: async (token) => issued(await call('POST', TOKENS, token, { body: REFRESH })),
    logout: async (token) => assert.equal((await call('DELETE', TOKENS, token)).status, 204),
    /** 200 for a valid token, 403 for one that is not. */
    status: async (token) => (await call('GET', '/v2/orders?page[limit]=1', token)).status,
  };
}

async function apiOf({ origin }) {
  return api(origin, { page: await accessToken(origin), office: await accessToken(origin, BACK_OFFICE) });
}

/** Resolves in the next second: a login in the second of a cut-off would wait for its end. */
const nextSecond = () => beforeSecond(0);
/** Resolves this many milliseconds before a second begins. */
const beforeSecond = (ms) => new Promise((resolve) => { setTimeout(resolve, 1_000 - ((Date.now() + ms) % 1_000)); });

const statuses = (shop, tokens) => Promise.all(tokens.map((token) => shop.status(token)));

for (const sdk of SDKS) {
  describe(`logout beside ${sdk.name}`, { timeout: 60_000 }, () => {
    let storefront, shop;
    before(async () => {
      storefront = await startStorefront();
      shop = await apiOf(storefront);
    });
    after(() => storefront.stop());

    test('the token of a login is refused after its logout, and that of another login is not', async () => {
      const client = sdk.shop(storefront.host);
      const [one, other] = [await tokenOf(client, RON), await tokenOf(client, RON)];
      await shop.logout(one);
      await refused(client.Customers.Get(RON.id, one), TOKEN_INVALID);
      assert.equal((await client.Customers.Get(RON.id, other)).data.name, RON.name);
    });

    test('all tokens of a customer are refused after a logout everywhere, and a later login works', async () => {
      const client = sdk.shop(storefront.host);
      const tokens = [await tokenOf(client, RON), await tokenOf(client, RON)];
      const leslie = await tokenOf(client, LESLIE);
      assert.equal((await shop.call('DELETE', everywhere(RON), tokens[0])).status, 204);
      for (const token of tokens) await refused(client.Customers.Get(RON.id, token), TOKEN_INVALID);
      assert.equal((await client.Customers.Get(LESLIE.id, leslie)).data.name, LESLIE.name);
      const again = await tokenOf(client, RON);
      assert.equal((await client.Customers.Get(RON.id, again)).data.name, RON.name);
    });

    test('a refreshed token works as that of a login', async () => {
      const client = sdk.shop(storefront.host);
      const first = await tokenOf(client, LESLIE);
      const fresh = await shop.refresh(first);
      assert.notEqual(fresh, first);
      for (const token of [first, fresh]) assert.equal((await client.Customers.Get(LESLIE.id, token)).data.name, LESLIE.name);
    });
  });
}

describe('the status codes of', { timeout: 60_000 }, () => {
  let storefront, shop;
  before(async () => {
    storefront = await startStorefront();
    shop = await apiOf(storefront);
  });
  after(() => storefront.stop());

  /** Tokens that were never valid here, and one that has expired. */
  const foreign = () => ({
    'no token': undefined,
    'no JWT': 'saxophone',
    'another key': mint('compact', claimsFor(RON), 'another secret, which this store does not have'),
    'a later version': `${mint('compact', claimsFor(RON))}A`,
  });
  const expired = () => mint('compact', claimsFor(RON, { age: DAY + 60 }));

  const expect = async (answer, status) => {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.get('cache-control'), 'no-store');
    assert.equal(answer.get('access-control-allow-origin'), '*');
    if (status === 204) assert.equal(answer.text, '');
    else if (status !== 200) assertErrors(answer.json, status);
  };

  test('a logout', async () => {
    const token = await shop.login(RON);
    await expect(await shop.call('DELETE', TOKENS, token), 204);
    await expect(await shop.call('DELETE', TOKENS, token), 204);
    await expect(await shop.call('DELETE', `${TOKENS}/`, await shop.login(RON)), 204);
    await expect(await shop.call('DELETE', TOKENS, expired()), 204);
    for (const [what, bad] of Object.entries(foreign())) {
      assert.equal((await shop.call('DELETE', TOKENS, bad)).status, 403, what);
    }
    await expect(await shop.call('DELETE', TOKENS, 'saxophone'), 403);
    const live = await shop.login(RON);
    for (const bearer of [undefined, 'unknown']) {
      const answer = await shop.call('DELETE', TOKENS, live, { bearer: bearer ?? '' });
      await expect(answer, 401);
      assert.equal(answer.get('www-authenticate')?.startsWith('Bearer'), true);
    }
    const twice = await request(storefront.origin, {
      method: 'DELETE', path: TOKENS,
      headers: { authorization: `Bearer ${shop.bearers.page}`, 'x-moltin-customer-token': [live, live] },
    });
    assert.equal(twice.status, 403);
    assert.equal(await shop.status(live), 200);
  });

  test('a logout everywhere', async () => {
    const [ron, leslie] = [await shop.login(RON), await shop.login(LESLIE)];
    await expect(await shop.call('DELETE', everywhere(LESLIE), ron), 404);
    await expect(await shop.call('DELETE', everywhere({ id: NOBODY }), ron), 404);
    await expect(await shop.call('DELETE', everywhere({ id: '%20' }), ron), 404);
    for (const bad of [...Object.values(foreign()), expired()]) {
      await expect(await shop.call('DELETE', everywhere(RON), bad), 403);
    }
    await expect(await shop.call('DELETE', everywhere(RON), ron, { bearer: 'unknown' }), 401);
    const alone = await shop.login(RON);
    await shop.logout(alone);
    await expect(await shop.call('DELETE', everywhere(RON), alone), 403);
    assert.deepEqual(await statuses(shop, [ron, leslie]), [200, 200]);

    await expect(await shop.call('DELETE', everywhere(RON), ron), 204);
    // Again, as after a response that was lost.
    await expect(await shop.call('DELETE', everywhere(RON), ron), 204);
    assert.deepEqual(await statuses(shop, [ron, leslie]), [403, 200]);
  });

  test('a logout everywhere by the store itself', async () => {
    const office = { bearer: shop.bearers.office };
    await nextSecond();
    const [ron, leslie] = [await shop.login(RON), await shop.login(LESLIE)];
    await expect(await shop.call('DELETE', everywhere({ id: NOBODY }), undefined, office), 404);
    await expect(await shop.call('DELETE', everywhere(RON), undefined, office), 204);
    await expect(await shop.call('DELETE', everywhere(RON), undefined, office), 204);
    assert.deepEqual(await statuses(shop, [ron, leslie]), [403, 200]);
    // A customer token limits the store too.
    await expect(await shop.call('DELETE', everywhere(RON), leslie, office), 404);
    await expect(await shop.call('DELETE', TOKENS, undefined, office), 403);
  });

  test('a refresh', async () => {
    await nextSecond();
    const first = await shop.login(RON);
    const answer = await shop.call('POST', TOKENS, first, { body: REFRESH });
    await expect(answer, 200);
    const { data } = answer.json;
    const [claims, old] = [claimsOf(data.token), claimsOf(first)];
    assert.deepEqual(
      [data.type, data.customer_id, data.id, data.expires, claims.sub, claims.name, claims.sid, claims.auth_time],
      ['token', RON.id, claims.jti, claims.exp, RON.id, RON.name, old.jti, old.iat]);
    assert.equal(claims.exp - claims.iat, DAY);

    const revoked = await shop.login(RON);
    await shop.logout(revoked);
    for (const bad of [...Object.values(foreign()), expired(), revoked]) {
      await expect(await shop.call('POST', TOKENS, bad, { body: REFRESH }), 403);
    }
    await expect(await shop.call('POST', TOKENS, first, { body: REFRESH, bearer: 'unknown' }), 401);
    const other = JSON.stringify({ data: { type: 'token', authentication_mechanism: 'token' } });
    assert.equal((await shop.call('POST', TOKENS, first, { body: other })).status, 400);

    const ann = await shop.register('ann@pawnee.example');
    const token = await shop.login(ann);
    const deleted = await shop.call('DELETE', `/v2/customers/${ann.id}`, undefined, { bearer: shop.bearers.office });
    assert.equal(deleted.status, 204);
    await expect(await shop.call('POST', TOKENS, token, { body: REFRESH }), 403);
  });

  test('other methods', async () => {
    for (const [path, method, allow] of [
      [TOKENS, 'GET', 'DELETE, POST'], [TOKENS, 'PUT', 'DELETE, POST'],
      [everywhere(RON), 'GET', 'DELETE'], [everywhere(RON), 'POST', 'DELETE'],
    ]) {
      const answer = await shop.call(method, path, undefined, method === 'GET' ? {} : { body: REFRESH });
      await expect(answer, 405);
      assert.equal(answer.get('allow'), allow, `${method} ${path}`);
    }
  });

  test('a process that serves and is ready', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const answer = await fetch(storefront.origin + path);
      assert.deepEqual([answer.status, answer.headers.get('cache-control')], [200, 'no-store']);
    }
  });
});

describe('a restart', { timeout: 60_000 }, () => {
  for (const [how, end] of [['SIGTERM', 'stop'], ['SIGKILL', 'kill']]) {
    test(`on ${how} forgets no revocation`, async () => {
      const folder = freshFolder();
      let storefront = await startStorefront({ folder });
      let shop = await apiOf(storefront);
      const logins = [RON, RON, LESLIE, LESLIE];
      const tokens = await Promise.all(logins.map((customer) => shop.login(customer)));
      tokens.push(await shop.refresh(tokens[0]));
      await shop.logout(tokens[0]);
      assert.equal((await shop.call('DELETE', everywhere(LESLIE), tokens[2])).status, 204);
      await storefront[end]();

      storefront = await startStorefront({ folder });
      shop = await apiOf(storefront);
      assert.deepEqual(await statuses(shop, tokens), [403, 200, 403, 403, 403]);
      await storefront.stop();
      folder.remove();
    });
  }

  test('with a bound that is none ends at once, and names the variable', async () => {
    await assert.rejects(startStorefront({ env: { STOREFRONT_MAX_STALENESS: '1' } }), (error) => {
      assert.match(error.message, /"code":1,/);
      assert.match(error.message, /STOREFRONT_MAX_STALENESS is a whole number of seconds from 2 to 86400, not "1"/);
      return true;
    });
  });
});

describe('two processes on one file', { timeout: 600_000 }, () => {
  let folder, storefronts, shops;
  before(async () => {
    folder = freshFolder();
    storefronts = [await startStorefront({ folder }), await startStorefront({ folder })];
    shops = await Promise.all(storefronts.map(apiOf));
  });
  after(async () => {
    for (const storefront of storefronts) await storefront.stop();
    folder.remove();
  });

  for (const [ending, where] of [[0, 'first'], [1, 'second']]) {
    test(`a logout at the ${where} with any token of a session ends all of them at both`, async () => {
      const [here, there] = [shops[ending], shops[1 - ending]];
      for (let at = 0; at < 6; at += 1) {
        const tokens = [await shops[0].login(RON)];
        while (tokens.length < 6) tokens.push(await shops[tokens.length % 2].refresh(tokens.at(-1)));
        assert.equal(new Set(tokens).size, 6);
        const other = await shops[1].login(RON);
        for (const shop of shops) assert.deepEqual(await statuses(shop, [...tokens, other]), Array(7).fill(200));

        await here.logout(tokens[at]);
        assert.deepEqual(await statuses(here, tokens), Array(6).fill(403), `ended with token ${at}`);
        await untilRefused(there, tokens);
        for (const shop of shops) assert.equal(await shop.status(other), 200);
      }
    });
  }

  test('what is revoked at one is refused at the other', async (t) => {
    const millis = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const [here, there] = round % 2 === 0 ? shops : shops.toReversed();
      // Signed here: a login would cost a hash.
      const token = mint('compact', claimsFor(RON));
      assert.equal(await there.status(token), 200);
      await here.logout(token);
      const revoked = performance.now();
      await untilRefused(there, [token]);
      millis.push(performance.now() - revoked);
    }
    millis.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => millis[Math.ceil(part * millis.length) - 1].toFixed(1));
    t.diagnostic(`revoked at one, refused at the other: p50 ${p50} ms, p99 ${p99} ms of ${ROUNDS} rounds`);
    // Each reads the log at least once a second.
    assert.ok(p99 < 2_000);
  });

  const setPassword = (customer, password, token, shop) => shop.call('PUT', `/v2/customers/${customer.id}`, token, {
    body: JSON.stringify({ data: { type: 'customer', password } }),
  });
  const endAll = (customer, _, token, shop) => shop.call('DELETE', everywhere(customer), token);
  for (const [what, end, status] of [
    ['a logout everywhere', endAll, 204],
    ['a change of the password', setPassword, 200],
  ]) {
    test(`no token of an older login outlives ${what} that races refreshes at both`, async () => {
      let took = 0;
      for (let round = 0; round < RACES; round += 1) {
        const [here, there] = round % 2 === 0 ? shops : shops.toReversed();
        const customer = await there.register(`tom-${randomUUID()}@pawnee.example`);
        const tokens = [await here.login(customer)];
        // The process that does not know yet then refreshes in the second after a logout everywhere: a login of that
        // second is young enough, a refresh is not. How long it takes is known from the round before.
        await beforeSecond(took + 5);
        const began = Date.now();
        let isAcknowledged = false;
        const refreshing = Promise.all(shops.map(async (shop) => {
          for (;;) {
            const answer = await shop.call('POST', TOKENS, tokens.at(-1), { body: REFRESH });
            if (answer.status !== 200) {
              assert.equal(answer.status, 403, answer.text);
              return;
            }
            tokens.push(answer.json.data.token);
            // Refused at the one that has acknowledged, even when the other has only just signed it.
            if (isAcknowledged) assert.equal(await here.status(tokens.at(-1)), 403);
          }
        }));
        // It is awaited below, unless another assertion fails before.
        refreshing.catch(() => {});
        while (tokens.length < 20) await new Promise((resolve) => { setImmediate(resolve); });
        const renewed = { ...customer, password: 'another long enough one' };
        const answer = await end(customer, renewed.password, tokens[0], here);
        isAcknowledged = true;
        took = Date.now() - began;
        const known = [...tokens];
        assert.equal(answer.status, status, answer.text);
        assert.deepEqual(await statuses(here, known), known.map(() => 403));
        await within(PROPAGATION, 'the refreshes to be refused', refreshing);
        assert.deepEqual(await statuses(here, tokens), tokens.map(() => 403));
        await untilRefused(there, tokens);
        for (const shop of shops) {
          assert.equal((await shop.call('POST', TOKENS, tokens.at(-1), { body: REFRESH })).status, 403);
        }
        const later = await there.login(end === setPassword ? renewed : customer);
        for (const shop of shops) assert.equal(await shop.status(later), 200);
      }
    });
  }

  /** Resolves when `shop` refuses all of the tokens, which it must once it has read the log. */
  async function untilRefused(shop, tokens) {
    const latest = performance.now() + PROPAGATION;
    for (;;) {
      const found = await statuses(shop, tokens);
      if (found.every((status) => status === 403)) return;
      for (const status of found) assert.ok(status === 200 || status === 403, `${status}`);
      assert.ok(performance.now() < latest, `not refused within ${PROPAGATION} ms: ${found}`);
    }
  }
});
