// Who has an account can't be told by a failed login: not by its bytes, and not by its time.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { RON, accessToken, loginBody, request, startStorefront } from './support.mjs';

const TRIES = 200; // of each kind
const ROUNDS = 3; // the machine may be busy with something else in one of them
const BOUND = 0.02;

const median = (times) => {
  const sorted = [...times].sort((a, b) => a - b);
  return (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
};

describe('a failed login', { timeout: 240_000 }, () => {
  let storefront, headers;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  before(async () => {
    // Every one of these logins has to be hashed.
    storefront = await startStorefront({ env: { STOREFRONT_THROTTLE: 'off' } });
    headers = { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'content-type': 'application/json' };
  });
  after(async () => {
    agent.destroy();
    await storefront.stop();
  });

  const login = (email) => request(storefront.origin, {
    method: 'POST', path: '/v2/customers/tokens', headers, body: loginBody(email, 'not the password'), agent,
  });
  // Ten of them, each as long as Ron's own.
  const unknown = (i) => `${i}on@swanson.com`;

  test('has the same bytes for an unknown e-mail as for a wrong password', async () => {
    const bytes = ({ status, headers: { date, ...rest }, text }) => ({ status, headers: rest, text });
    assert.equal(unknown(7).length, RON.email.length);
    assert.deepEqual(bytes(await login(unknown(7))), bytes(await login(RON.email)));
  });

  test('takes the same time for an unknown e-mail as for a wrong password', async (t) => {
    const time = async (email) => {
      const begun = performance.now();
      assert.equal((await login(email)).status, 403);
      return performance.now() - begun;
    };
    for (let i = 0; i < 10; i += 1) await time(i % 2 ? RON.email : unknown(i));

    const pairs = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const times = { unknown: [], wrong: [] };
      for (let i = 0; i < TRIES; i += 1) {
        // Each goes first as often as the other.
        const kinds = i % 2 ? ['unknown', 'wrong'] : ['wrong', 'unknown'];
        for (const kind of kinds) times[kind].push(await time(kind === 'wrong' ? RON.email : unknown(i % 10)));
        pairs.push(times.unknown[i] / times.wrong[i]);
      }
      const [one, other] = [median(times.unknown), median(times.wrong)];
      // Where others use the machine too, the medians move by 3 % by themselves. The two tries of a pair stand side by
      // side in time and see the same load.
      const [ratio, paired] = [one / other, median(pairs)];
      t.diagnostic(`round ${round}: unknown e-mail ${one.toFixed(3)} ms, wrong password ${other.toFixed(3)} ms, `
        + `ratio ${ratio.toFixed(4)}, pair by pair ${paired.toFixed(4)}`);
      if ([ratio, paired].some((found) => Math.abs(found - 1) <= BOUND)) return;
    }
    assert.fail(`the times differ by more than ${BOUND * 100} % in each of ${ROUNDS} rounds`);
  });
});
