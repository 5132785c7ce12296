// The storefront limits failed logins, and other requests that cost a hash: exactly, and by source, account and both.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { addCustomers, customer, databaseOf } from './durability.mjs';
import { newPkce, oidcBody, oidcEnv, startProvider } from './provider.mjs';
import {
  BACK_OFFICE, BEHIND_A_PROXY, LESLIE, RON, SDKS, accessToken, loginBody, newSource, rejection, request, startRecorder,
  startStorefront,
} from './support.mjs';

const TOKENS = '/v2/customers/tokens';
const TOO_MANY = { errors: [{ status: 429, title: 'Too Many Requests', detail: 'Too many attempts, try again later' }] };
const WRONG = 'not the password';

/** A storefront, and its calls by raw HTTP. Each takes the address of its client, or comes from 127.0.0.1. */
async function open(env = BEHIND_A_PROXY) {
  const storefront = await startStorefront({ env });
  const [bearer, office] = [await accessToken(storefront.origin), await accessToken(storefront.origin, BACK_OFFICE)];
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 1_100 });
  const send = (method, path, source, body, authorization = `Bearer ${bearer}`) => request(storefront.origin, {
    method,
    path,
    agent,
    headers: { authorization, 'content-type': 'application/json', ...(source && { 'x-forwarded-for': source }) },
    body,
  });
  return {
    storefront,
    /** Adds customers, for `customer`. */
    addCustomers: (count) => addCustomers(databaseOf({ path: storefront.folder }), 'customer', 0, count),
    /** Opens connections, so that as many requests arrive at once. */
    connect: (count) => Promise.all(Array.from({ length: count }, () => send('GET', '/healthz'))),
    post: (source, body) => send('POST', TOKENS, source, body),
    login: (source, email, password) => send('POST', TOKENS, source, loginBody(email, password)),
    register: (source, fields) =>
      send('POST', '/v2/customers', source, JSON.stringify({ data: { type: 'customer', ...fields } })),
    setPassword: (source, { id }, password) => send('PUT', `/v2/customers/${id}`, source,
      JSON.stringify({ data: { type: 'customer', password } }), `Bearer ${office}`),
    async close() {
      agent.destroy();
      await storefront.stop();
    },
  };
}

/** How many answers there are of each status, as text. */
function tally(answers) {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts).map(([status, count]) => `${count} × ${status}`).join(', ');
}

/** What a client sees of an answer, but for the time. */
const bytesOf = ({ status, headers: { date, ...headers }, text }) => JSON.stringify({ status, headers, text });

/** Asserts that all answers of a status are the same, and resolves with one of them. */
function theOne(answers, status) {
  const found = answers.filter((answer) => answer.status === status);
  assert.equal(new Set(found.map(bytesOf)).size, 1, [...new Set(found.map(bytesOf))].join('\n'));
  return found[0];
}

function assertLimited(answer, wait) {
  assert.equal(answer.status, 429, answer.text);
  assert.deepEqual(answer.json, TOO_MANY);
  assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
  if (wait !== undefined) assert.equal(answer.headers['retry-after'], String(wait));
}

/**
 * Calls `attempt` until its answers are `expected`, and resolves with them. Others are wrong, unless they took so long
 * that a hash was not to be had in time or a wait has passed meanwhile: then the machine is busy with something else,
 * and there is one more round, with other accounts.
 */
async function exactly(expected, attempt) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const begun = performance.now();
    const answers = await attempt(round);
    if (tally(answers) === expected) return answers;
    if (performance.now() - begun < 1_000) assert.equal(tally(answers), expected);
  }
  return assert.fail(`the machine was too busy in each of ${ROUNDS} rounds`);
}

/** The e-mail for a round. */
const CUSTOMER = (round) => customer(round).email;
const UNKNOWN = (round) => `u${round}@provider.example`;
const ROUNDS = 5;

const times = (count, task) => Promise.all(Array.from({ length: count }, (_, at) => task(at)));

describe('1000 wrong guesses at once, of one source for one account', { timeout: 60_000 }, () => {
  let shop;
  before(async () => {
    shop = await open();
    await shop.addCustomers(ROUNDS);
  });
  after(() => shop.close());

  const seen = {};
  for (const [who, emailOf] of [['a customer', CUSTOMER], ['an unknown e-mail', UNKNOWN]]) {
    test(`for ${who}: 5 are hashed, and after the wait one more`, async () => {
      const source = newSource();
      let email;
      await shop.connect(1_000);
      const answers = await exactly('5 × 403, 995 × 429', (round) => {
        email = emailOf(round);
        return times(1_000, () => shop.login(source, email, WRONG));
      });
      assertLimited(theOne(answers, 429), 1);
      await setTimeout(1_000);
      const later = await times(50, () => shop.login(source, email, WRONG));
      assert.equal(tally(later), '1 × 403, 49 × 429');
      // The wait has doubled.
      assertLimited(theOne(later, 429), 2);
      seen[who] = [403, 429].map((status) => bytesOf(theOne(answers, status)));
    });
  }

  test('have the same bytes for both', () => {
    assert.deepEqual(seen['an unknown e-mail'], seen['a customer']);
  });
});

describe('guesses of many sources at once for one account', { timeout: 60_000 }, () => {
  let shop;
  before(async () => {
    shop = await open();
    await shop.addCustomers(ROUNDS);
  });
  after(() => shop.close());

  const seen = {};
  for (const [who, emailOf] of [['a customer', CUSTOMER], ['an unknown e-mail', UNKNOWN]]) {
    test(`for ${who}: 20 of 300 are hashed`, async () => {
      await shop.connect(300);
      const answers = await exactly('20 × 403, 280 × 429', (round) =>
        times(300, () => shop.login(newSource(), emailOf(round), WRONG)));
      assertLimited(theOne(answers, 429), 30);
      seen[who] = [403, 429].map((status) => bytesOf(theOne(answers, status)));
    });
  }

  test('have the same bytes for both', () => {
    assert.deepEqual(seen['an unknown e-mail'], seen['a customer']);
  });

  test('do not keep the customer out, from where they have signed in before', async (t) => {
    const home = newSource();
    assert.equal((await shop.login(home, LESLIE.email, LESLIE.password)).status, 200);
    await shop.connect(1_010);
    let isOver = false;
    const attack = times(1_000, () => shop.login(newSource(), LESLIE.email, WRONG)).finally(() => { isOver = true; });
    const beside = [];
    do beside.push(await shop.login(home, LESLIE.email, LESLIE.password)); while (!isOver);
    assert.equal(tally(beside), `${beside.length} × 200`);
    // A success forgets the failures, so the attackers have 20 more guesses after each: no more than that.
    const answers = await attack;
    const guesses = answers.filter(({ status }) => status === 403).length;
    t.diagnostic(`beside ${beside.length} logins: ${tally(answers)}`);
    assert.ok(guesses <= 20 * (beside.length + 1), `${guesses} guesses beside ${beside.length} logins`);
    assert.equal((await shop.login(home, LESLIE.email, LESLIE.password)).status, 200);
  });
});

describe('an address that a client has made up', { timeout: 60_000 }, () => {
  const guess = (shop, source) => shop.login(source, RON.email, WRONG);

  test('changes nothing where no proxy is trusted, and the operator is told once', async () => {
    const shop = await open({});
    for (let at = 0; at < 5; at += 1) assert.equal((await guess(shop, newSource())).status, 403);
    // By now the source is that of the guesses, with and without the header.
    assertLimited(await guess(shop, newSource()));
    assertLimited(await guess(shop));
    await shop.close();
    const warnings = shop.storefront.errors.filter((line) => line.includes('forwarding header'));
    assert.equal(warnings.length, 1, shop.storefront.errors.join('\n'));
    assert.match(warnings[0], /WARN.*source_behind_proxies/);
  });

  test('changes nothing beside that which the trusted proxy has added', async () => {
    const shop = await open();
    const [client, other] = [newSource(), newSource()];
    for (let at = 0; at < 5; at += 1) assert.equal((await guess(shop, `${newSource()}, ${client}`)).status, 403);
    assertLimited(await guess(shop, `${newSource()}, ${client}`));
    assertLimited(await guess(shop, `${other}, ${client}`));
    assertLimited(await guess(shop, client));
    assert.equal((await guess(shop, `${client}, ${other}`)).status, 403);
    await shop.close();
    assert.deepEqual(shop.storefront.errors, []);
  });
});

describe('a login through an SDK that is limited', { timeout: 60_000 }, () => {
  let shop;
  before(async () => { shop = await open(); });
  after(() => shop.close());

  // All at once: each repeats the call for seconds.
  test('is one error for the shopper, and its repetitions do not lengthen the wait', async (t) => {
    for (let at = 0; at < 20; at += 1) assert.equal((await shop.login(newSource(), RON.email, WRONG)).status, 403);
    assertLimited(await shop.login(newSource(), RON.email, WRONG), 30);
    const begun = performance.now();
    await Promise.all(SDKS.map(async (sdk) => {
      const recorder = await startRecorder(shop.storefront.origin);
      const client = sdk.shop(recorder.host);
      await client.Authenticate();
      recorder.taken();
      // The right password: the address of the SDK is as unknown as those of the guesses.
      assert.deepEqual(await rejection(client.Customers.TokenViaPassword(RON.email, RON.password)), TOO_MANY);
      const calls = recorder.taken();
      assert.deepEqual(calls, calls.map(() => `POST ${TOKENS} 429`));
      assert.ok(calls.length > 1, `${calls.length} calls`);
      t.diagnostic(`${sdk.name}: ${calls.length} calls in ${((performance.now() - begun) / 1_000).toFixed(1)} s, one error`);
      await recorder.stop();
    }));
    const passed = (performance.now() - begun) / 1_000;
    const left = Number((await shop.login(newSource(), RON.email, WRONG)).headers['retry-after']);
    t.diagnostic(`Retry-After: 30 s before, ${left} s after ${passed.toFixed(1)} s`);
    assert.ok(left >= 30 - passed - 1 && left <= 30 - passed + 1, `${left} s after ${passed} s`);
  });
});

describe('a source', { timeout: 60_000 }, () => {
  let shop;
  before(async () => { shop = await open(); });
  after(() => shop.close());
  const fields = (email) => ({ name: 'April Ludgate', email, password: 'i hate everything' });
  const newcomer = () => fields(`${randomUUID()}@pawnee.gov`);

  test('may register 30 times, and a taken e-mail counts', async () => {
    const source = newSource();
    // Nothing is hashed for a request that is invalid.
    for (let at = 0; at < 3; at += 1) assert.equal((await shop.register(source, { name: 'April' })).status, 400);
    for (let at = 0; at < 15; at += 1) {
      assert.equal((await shop.register(source, newcomer())).status, 201);
      assert.equal((await shop.register(source, fields(RON.email))).status, 409);
    }
    const refused = await shop.register(source, newcomer());
    assertLimited(refused);
    assert.ok(Number(refused.headers['retry-after']) <= 10);
    assert.equal((await shop.register(newSource(), newcomer())).status, 201);
    // It is one limit.
    assertLimited(await shop.login(source, RON.email, WRONG));
  });

  test('may change a password 30 times', async () => {
    const source = newSource();
    for (let at = 0; at < 30; at += 1) {
      const changed = await shop.setPassword(source, LESLIE, `waffles and work ${at}`);
      assert.equal(changed.status, 200, changed.text);
    }
    assertLimited(await shop.setPassword(source, LESLIE, LESLIE.password));
    assert.equal((await shop.setPassword(newSource(), LESLIE, LESLIE.password)).status, 200);
  });
});

describe('codes that the provider did not issue', { timeout: 60_000 }, () => {
  const REDIRECT = 'https://shop.example/oauth2/callback';
  const CLIENT = { client_id: 'shop', client_secret: 'the secret of the shop', redirect_uris: [REDIRECT] };
  let provider, shop;
  before(async () => {
    provider = await startProvider({ clients: [CLIENT] });
    shop = await open(oidcEnv(provider, CLIENT, BEHIND_A_PROXY));
  });
  after(async () => {
    await shop.close();
    await provider.stop();
  });

  test('reach it 30 times from one source, and customers from other sources sign in', async () => {
    const source = newSource();
    const guess = () => oidcBody({ code: newPkce().challenge, redirectUri: REDIRECT, verifier: newPkce().verifier });
    const answers = await times(100, () => shop.post(source, guess()));
    assert.equal(tally(answers), '30 × 403, 70 × 429');
    assertLimited(theOne(answers, 429));
    assert.equal(await provider.tokenRequests(), 30);

    const { verifier, challenge } = newPkce();
    const code = await provider.signIn({ clientId: CLIENT.client_id, redirectUri: REDIRECT, login: 'april', challenge });
    const body = oidcBody({ code, redirectUri: REDIRECT, verifier });
    // Nothing is sent to the provider, so the code is not spent.
    assertLimited(await shop.post(source, body));
    assert.equal((await shop.post(newSource(), body)).status, 200);
    assert.equal(await provider.tokenRequests(), 31);
  });
});
