// Honest customers sign in once a second beside attackers, and nearly all of them get in at the first try.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HEAD, measure, prepare, row } from './attack.mjs';

/** `all`: every cell. */
const IN_FULL = process.env.ATTACK_CELLS === 'all';
const SECONDS = Number(process.env.ATTACK_SECONDS ?? (IN_FULL ? 10 : 3));

const SOURCES = [1, 4, 16, 64];
const CONNECTIONS = [1, 16, 64];
const ATTACKS = {
  account: 'at the account of one of them',
  accounts: 'at many accounts',
  queue: 'at the queue, by correct logins to accounts of their own',
  provider: 'at a provider, by codes that it did not issue',
};

/** The share of honest customers who must get in. */
const SHARE = 0.99;
/**
 * The share of the hashes of a full queue that must still be computed in a storm. The rest is the time in which the
 * processor refuses thousands of logins a second, and makes them: the attackers are on the same machine.
 */
const GOODPUT = 0.5;

describe('honest customers', { timeout: 1_800_000 }, () => {
  let store;
  before(async () => { store = await prepare(); });
  after(() => store.remove());

  const print = (t, cells) => [HEAD, ...cells.map(row)].forEach((line) => t.diagnostic(line));
  const assertHonest = (cells) => {
    for (const cell of cells) assert.ok(cell.succeeded >= cell.answers * SHARE, row(cell));
  };

  let calm;
  test('without an attack, and the most that is hashed', async (t) => {
    const quiet = await measure(store, { attack: 'none', seconds: SECONDS });
    // Not more than the queue has places for.
    calm = await measure(store, { attack: 'queue', sources: 4, connections: 4, seconds: SECONDS, honest: 0 });
    print(t, [quiet, calm]);
    assertHonest([quiet]);
  });

  for (const [attack, what] of Object.entries(ATTACKS)) {
    test(`beside attackers ${what}`, async (t) => {
      const cells = [];
      const grid = IN_FULL
        ? SOURCES.flatMap((sources) => CONNECTIONS.map((connections) => [sources, connections]))
        : [[64, 16]];
      for (const [sources, connections] of grid) cells.push(await measure(store, { attack, sources, connections, seconds: SECONDS }));
      print(t, cells);
      assertHonest(cells);
      if (attack === 'queue') {
        for (const cell of cells.filter(({ sources, connections }) => sources * connections >= 16)) {
          assert.ok(cell.hashed >= calm.hashed * GOODPUT, `${cell.hashed} of ${calm.hashed} hashes a second`);
        }
      }
    });
  }

  if (IN_FULL) test('who have never signed in from where they are', async (t) => {
    const cells = [];
    for (const attack of Object.keys(ATTACKS)) {
      for (const sources of SOURCES) {
        cells.push(await measure(store, { attack, sources, connections: 16, seconds: SECONDS, isKnown: false }));
      }
    }
    print(t, cells);
    // The account under attack is closed to unknown sources: its owner is one of ten. Those of an attack on many
    // accounts are all of them, once 20 sources have tried each.
    assertHonest(cells.filter(({ attack }) => ['queue', 'provider'].includes(attack)));
    for (const cell of cells.filter(({ attack }) => attack === 'account')) {
      assert.ok(cell.succeeded >= cell.answers * 0.9, row(cell));
    }
  });
});
