// Many log in at once: the excess is turned away, nothing hangs, and customers who hold a token are still served.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import {
  RON, accessToken, claimsFor, loginBody, mint, request, startStorefront,
} from './support.mjs';

const LOGINS = 512; // more than can be hashed in 1 s
const STORMS = 5;
const CALM = 500; // validation requests that make the idle figure
const PATIENCE = 10_000; // ms; what has no answer by then hangs

const percentile = (times, share) => [...times].sort((a, b) => a - b)[Math.ceil(times.length * share) - 1];

describe('512 logins at once', { timeout: 180_000 }, () => {
  let storefront, authorization;
  const agents = [new http.Agent({ keepAlive: true, maxSockets: LOGINS }), new http.Agent({ keepAlive: true, maxSockets: 2 })];
  const [forLogins, forReads] = agents;
  before(async () => {
    // What is measured is the hashes' own queue: the throttle would refuse most of these logins before it.
    storefront = await startStorefront({ env: { STOREFRONT_THROTTLE: 'off' } });
    authorization = `Bearer ${await accessToken(storefront.origin)}`;
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    await storefront.stop();
  });

  const login = () => request(storefront.origin, {
    method: 'POST',
    path: '/v2/customers/tokens',
    headers: { authorization, 'content-type': 'application/json' },
    body: loginBody(RON.email, RON.password),
    agent: forLogins,
    ms: PATIENCE,
  });

  /** One request that needs the customer token; resolves with the time it took, in milliseconds. */
  const read = async (token) => {
    const begun = performance.now();
    const answer = await request(storefront.origin, {
      path: `/v2/customers/${RON.id}`,
      headers: { authorization, 'x-moltin-customer-token': token },
      agent: forReads,
      ms: PATIENCE,
    });
    assert.equal(answer.status, 200, answer.text);
    return performance.now() - begun;
  };

  test('are answered or turned away, while those who hold a token go on', async (t) => {
    const token = mint('compact', claimsFor(RON));
    for (let i = 0; i < 50; i += 1) await read(token);

    const idle = [];
    while (idle.length < CALM) idle.push(...await Promise.all([read(token), read(token)]));

    const beside = [];
    const answers = [];
    const begun = performance.now();
    for (let storm = 0; storm < STORMS; storm += 1) {
      let over = false;
      const logins = Promise.all(Array.from({ length: LOGINS }, login)).finally(() => { over = true; });
      const reader = async () => {
        while (!over) beside.push(await read(token));
      };
      const [answered] = await Promise.all([logins, reader(), reader()]);
      answers.push(...answered);

      const counts = Object.fromEntries([200, 503].map((status) => [status, answered.filter((one) => one.status === status).length]));
      assert.equal(counts[200] + counts[503], LOGINS, answered.map(({ status }) => status).join());
      assert.ok(counts[503] >= 1, 'nobody was turned away');
      assert.ok(counts[200] >= 3, `only ${counts[200]} got in`);
    }
    const took = performance.now() - begun;

    for (const { status, headers, json } of answers) {
      if (status === 200) {
        assert.equal(json.data.customer_id, RON.id);
      } else {
        assert.match(headers['retry-after'], /^[1-9]\d*$/);
        assert.equal(json.errors[0].status, 503);
      }
    }
    assert.ok(beside.length > 0, 'no validation was answered during the storm');

    const figures = (times) => `p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms, of ${times.length}`;
    const let_in = answers.filter(({ status }) => status === 200).length;
    t.diagnostic(`validation idle:            ${figures(idle)}`);
    t.diagnostic(`validation under the storm: ${figures(beside)}`);
    t.diagnostic(`${STORMS} storms of ${LOGINS} logins: ${let_in} let in, ${answers.length - let_in} turned away, ${took.toFixed(0)} ms`);
  });

  test('leave the next login unharmed', async () => {
    const { status, json } = await login();
    assert.equal(status, 200);
    assert.equal(json.data.customer_id, RON.id);
  });
});
