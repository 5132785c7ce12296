// The provider rotates its keys, is killed, hangs, and comes back, while customers sign in by it and by password.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { newPkce, oidcBody, oidcEnv, startProvider } from './provider.mjs';
import {
  BACK_OFFICE, BEHIND_A_PROXY, RON, WRONG_CREDENTIALS, accessToken, claimsFor, loginBody, mint, newSource, request,
  startStorefront,
} from './support.mjs';

const REDIRECT = 'https://shop.example/oauth2/callback';
const CLIENT = { client_id: 'shop', client_secret: 'the secret of the shop', redirect_uris: [REDIRECT] };
const DEADLINE = 5_000; // ms for a whole login, by contract
const MARGIN = 1_500; // for a machine that has only two cores, and much to do
const IN_FLIGHT = 128; // exchanges, at most

const percentile = (times, share) => [...times].sort((a, b) => a - b)[Math.ceil(times.length * share) - 1];
const figures = (times) => `p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms, of ${times.length}`;

/** Calls `task` for 0 to `count - 1`, with `atOnce` of them under way. */
async function inTurns(count, atOnce, task) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const at = next;
      next += 1;
      await task(at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** A storefront with its access token, and a connection for each of those who call at once, from everywhere. */
async function open(provider) {
  const storefront = await startStorefront({ env: oidcEnv(provider, CLIENT, BEHIND_A_PROXY) });
  const headers = { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'content-type': 'application/json' };
  const agent = new http.Agent({ keepAlive: true });
  const send = async (options) => {
    const begun = performance.now();
    const answer = await request(storefront.origin, { headers, agent, ...options });
    return { ...answer, json: JSON.parse(answer.text), took: performance.now() - begun };
  };
  // From addresses of their own: one source may try 30 codes.
  const post = (body) =>
    send({ method: 'POST', path: '/v2/customers/tokens', headers: { ...headers, 'x-forwarded-for': newSource() }, body });
  const token = mint('compact', claimsFor(RON));
  const validation = { path: `/v2/customers/${RON.id}`, headers: { ...headers, 'x-moltin-customer-token': token } };
  return {
    storefront,
    oidc: (signedIn) => post(oidcBody(signedIn)),
    /** The times of `count` logins by password, two at once. */
    async passwords(count) {
      const times = [];
      await inTurns(count, 2, async () => {
        const answer = await post(loginBody(RON.email, RON.password));
        assert.equal(answer.status, 200, answer.text);
        times.push(answer.took);
      });
      return times;
    },
    /** The times of `count` requests with a customer token, two at once. */
    async validations(count) {
      const times = [];
      await inTurns(count, 2, async () => {
        const answer = await send(validation);
        assert.equal(answer.status, 200, answer.text);
        times.push(answer.took);
      });
      return times;
    },
    /** How many customers the store has. */
    async customers() {
      const office = await accessToken(storefront.origin, BACK_OFFICE);
      const answer = await send({ path: '/v2/customers', headers: { authorization: `Bearer ${office}` } });
      return answer.json.meta.results.total;
    },
    /** What the process has in memory, in KiB. */
    memory: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${storefront.pid}/status`, 'utf8'))[1]),
    async close() {
      agent.destroy();
      await storefront.stop();
    },
  };
}

/** Signs in at the provider; resolves with what the page would post to the store. */
async function codeFor(provider, login) {
  const { verifier, challenge } = newPkce();
  const code = await provider.signIn({ clientId: CLIENT.client_id, redirectUri: REDIRECT, login, challenge });
  return { code, redirectUri: REDIRECT, verifier };
}

/** What the page would post, by a code that nobody gave out. */
const madeUp = () => ({ code: newPkce().challenge, redirectUri: REDIRECT, verifier: newPkce().verifier });

function assertUnavailable({ status, headers, json, took }) {
  assert.equal(status, 503, JSON.stringify(json));
  assert.match(headers['retry-after'], /^[1-9]\d*$/);
  assert.equal(json.errors[0].status, 503);
  assert.ok(took < DEADLINE + MARGIN, `${took} ms`);
}

function assertSignedIn({ status, json }) {
  assert.equal(status, 200, JSON.stringify(json));
  return json.data.customer_id;
}

describe('a provider that rotates its keys', { timeout: 120_000 }, () => {
  let provider, store;
  before(async () => {
    provider = await startProvider({ clients: [CLIENT] });
    store = await open(provider);
  });
  after(async () => {
    await store.close();
    await provider.stop();
  });

  test('while 200 customers sign in makes none of them fail', async (t) => {
    const [LOGINS, AT_ONCE] = [200, 20];
    let done = 0;
    let rotation;
    const times = [];
    await inTurns(LOGINS, AT_ONCE, async (at) => {
      const answer = await store.oidc(await codeFor(provider, `shopper-${at}`));
      assertSignedIn(answer);
      times.push(answer.took);
      done += 1;
      if (done === LOGINS / 2) rotation = provider.rotate();
    });
    await rotation;
    const { '/token': exchanges, '/jwks': fetches } = await provider.counts();
    assert.equal(exchanges, LOGINS);
    // The keys at the start, and the new ones when the first token came that they had signed.
    assert.equal(fetches, 2);
    t.diagnostic(`sign-ins over a rotation: ${figures(times)}; the keys were fetched ${fetches} times`);
  });
});

describe('a provider that is killed', { timeout: 180_000 }, () => {
  const [PASSWORDS, VALIDATIONS] = [200, 2_000];
  let provider, store;
  before(async () => {
    provider = await startProvider({ clients: [CLIENT] });
    store = await open(provider);
  });
  after(async () => {
    await store.close();
    await provider.stop();
  });

  test('slows down nobody else, and is missed no longer than it is gone', async (t) => {
    assertSignedIn(await store.oidc(await codeFor(provider, 'april')));
    await store.passwords(20);

    // The same load before and after: beside what is measured, somebody tries a code 40 times a second.
    const measure = async () => {
      const attempts = [];
      let over = false;
      const tryOn = async () => {
        while (!over) await Promise.all([store.oidc(madeUp()).then((answer) => attempts.push(answer)), setTimeout(25)]);
      };
      const trying = tryOn();
      const passwords = await store.passwords(PASSWORDS);
      const validations = await store.validations(VALIDATIONS);
      over = true;
      await trying;
      return { passwords, validations, attempts };
    };
    const before = await measure();
    for (const { status } of before.attempts) assert.equal(status, 403);

    const signedIn = await codeFor(provider, 'april');
    await provider.kill();
    assertUnavailable(await store.oidc(signedIn));
    const during = await measure();
    for (const answer of during.attempts) assertUnavailable(answer);

    await provider.restart();
    const again = await store.oidc(await codeFor(provider, 'april'));
    assertSignedIn(again);
    // The code that was tried meanwhile is spent, although nobody can say whether the provider had seen it.
    const replay = await store.oidc(signedIn);
    assert.deepEqual([replay.status, replay.json], [403, WRONG_CREDENTIALS]);
    assert.equal(await provider.tokenRequests(), 1);

    const took = (answers) => figures(answers.map((answer) => answer.took));
    t.diagnostic(`passwords with the provider:   ${figures(before.passwords)}`);
    t.diagnostic(`passwords without it:          ${figures(during.passwords)}`);
    t.diagnostic(`validations with the provider: ${figures(before.validations)}`);
    t.diagnostic(`validations without it:        ${figures(during.validations)}`);
    t.diagnostic(`403 for codes with it:         ${took(before.attempts)}`);
    t.diagnostic(`503 for codes without it:      ${took(during.attempts)}`);
  });

  test('comes back with other keys, and works at once', async () => {
    await provider.kill();
    assertUnavailable(await store.oidc(madeUp()));
    await provider.restart({ rotated: true });
    assertSignedIn(await store.oidc(await codeFor(provider, 'april')));
  });
});

describe('a provider that hangs', { timeout: 180_000 }, () => {
  const [LOGINS, STORMS] = [1_000, 5];
  let provider, store;
  before(async () => {
    provider = await startProvider({ clients: [CLIENT] });
    store = await open(provider);
  });
  after(async () => {
    await store.close();
    await provider.stop();
  });

  test('is waited for by a bounded number of 1000 sign-ins, in a memory that does not grow', async (t) => {
    const id = assertSignedIn(await store.oidc(await codeFor(provider, 'april')));
    const idle = [await store.passwords(50), await store.validations(500)];
    const memory = { before: store.memory(), during: [], after: [] };
    provider.pause();

    const beside = [[], []];
    for (let storm = 0; storm < STORMS; storm += 1) {
      let over = false;
      const signIns = Promise.all(Array.from({ length: LOGINS }, () => store.oidc(madeUp()))).finally(() => { over = true; });
      const others = async () => {
        let most = 0;
        while (!over) {
          beside[0].push(...await store.passwords(2));
          beside[1].push(...await store.validations(2));
          most = Math.max(most, store.memory());
        }
        memory.during.push(most);
      };
      const [answers] = await Promise.all([signIns, others()]);
      memory.after.push(store.memory());
      for (const answer of answers) assertUnavailable(answer);

      // Whoever waited did so for the whole deadline; the others were told at once, as fast as 1000 can be.
      const waited = answers.filter(({ took }) => took >= DEADLINE - 100);
      const turnedAway = answers.filter(({ took }) => took < DEADLINE - 100).map(({ took }) => took);
      t.diagnostic(`storm ${storm + 1}: ${waited.length} waited, 503 for the others: ${figures(turnedAway)}`);
      assert.ok(waited.length >= 1, 'nobody waited');
      assert.ok(waited.length <= IN_FLIGHT, `${waited.length} waited`);
      assert.ok(Math.max(...turnedAway) < DEADLINE / 2, `one of the others took ${Math.max(...turnedAway)} ms`);
    }
    provider.resume();
    assert.equal(assertSignedIn(await store.oidc(await codeFor(provider, 'april'))), id);

    t.diagnostic(`memory: ${memory.before} KiB before, ${memory.during.join(', ')} KiB during, ${memory.after.join(', ')} KiB after`);
    t.diagnostic(`passwords idle:     ${figures(idle[0])}`);
    t.diagnostic(`passwords beside:   ${figures(beside[0])}`);
    t.diagnostic(`validations idle:   ${figures(idle[1])}`);
    t.diagnostic(`validations beside: ${figures(beside[1])}`);
    // The first storms pay for 1000 connections, and for what the allocator keeps of them. What grows after these would
    // grow with each; all that is kept of a sign-in is the hash of its code.
    const growth = memory.after[4] - memory.after[2];
    assert.ok(growth < 8 * 1024, `${growth} KiB more after the fifth storm than after the third`);
  });
});

describe('a customer who signs in for the first time', { timeout: 60_000 }, () => {
  test('50 times at once is one customer', async (t) => {
    const provider = await startProvider({ clients: [CLIENT] });
    const store = await open(provider);
    const customers = await store.customers();
    const signedIn = [];
    await inTurns(50, 10, async () => { signedIn.push(await codeFor(provider, 'april')); });
    const answers = await Promise.all(signedIn.map((one) => store.oidc(one)));
    assert.equal(new Set(answers.map(assertSignedIn)).size, 1);
    assert.equal(await store.customers(), customers + 1);
    t.diagnostic(`50 first sign-ins at once: ${figures(answers.map(({ took }) => took))}`);
    await store.close();
    await provider.stop();
  });
});

describe('a store whose provider is down', { timeout: 60_000 }, () => {
  for (const [how, stopIt, startIt] of [
    ['is not there', (provider) => provider.kill(), (provider) => provider.restart()],
    ['hangs', (provider) => provider.pause(), (provider) => provider.resume()],
  ]) test(`starts although it ${how}, and signs in by it once it answers`, async () => {
    const provider = await startProvider({ clients: [CLIENT] });
    await stopIt(provider);
    const store = await open(provider);
    await store.passwords(2);
    assertUnavailable(await store.oidc(madeUp()));
    await startIt(provider);
    assertSignedIn(await store.oidc(await codeFor(provider, 'april')));
    await store.close();
    await provider.stop();
  });
});
