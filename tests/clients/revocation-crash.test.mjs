// The storefront is killed while tokens are revoked, and forgets no revocation that it has acknowledged: at random
// moments of a stream of changes, and at named points inside the transaction of a single one.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  NEITHER, WHOLE, addCustomers, assertSound, attach, changeOf, customer, databaseOf, oldToken, open, tokensOf,
} from './durability.mjs';
import { newPkce, oidcBody, oidcEnv, startProvider } from './provider.mjs';
import { BEHIND_A_PROXY, freshFolder, startStorefront } from './support.mjs';

/** Random moments. 200 is the full form. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 10);
/** `all`: at every write of a transaction, not only at the named ones. */
const EVERY_WRITE = process.env.CRASH_POINTS === 'all';

const REDIRECT = 'https://shop.example/oauth2/callback';
const CLIENT = { client_id: 'shop', client_secret: 'the secret of the shop', redirect_uris: [REDIRECT] };

const start = (folder, provider) =>
  startStorefront({ folder, env: oidcEnv(provider, CLIENT, { ...BEHIND_A_PROXY, STOREFRONT_OIDC_DUPLICATE_EMAIL: 'api_only' }) });

/** Signs in at the provider with a customer's e-mail, and resolves with the body that links the two. */
async function linkBody(provider, who) {
  const { verifier, challenge } = newPkce();
  const [login] = who.email.split('@');
  const code = await provider.signIn({ clientId: CLIENT.client_id, redirectUri: REDIRECT, login, challenge });
  return oidcBody({ code, redirectUri: REDIRECT, verifier });
}

// ---------------------------------------------------------------------------------------------- random moments

describe(`killed with SIGKILL at ${ROUNDS} random moments`, { timeout: 60_000 + ROUNDS * 15_000 }, () => {
  const KINDS = ['logout', 'everywhere', 'everywhereByStore', 'password', 'link'];
  const LINKS = 3; // a round
  const CUSTOMERS = 1_000; // a round, for the other kinds
  const STREAMS = 16; // of logouts and log-out-everywheres, at once
  const AT_ONCE = 500; // whose tokens are checked
  const LIVE = 50; // customers whose other tokens nothing ends
  const [EARLIEST, LATEST] = [100, 1_400]; // ms from the beginning of a stream to its end

  let folder, file, provider, storefront, shop;
  const begin = async () => {
    storefront = await start(folder, provider);
    shop = await open(storefront);
  };
  before(async () => {
    folder = freshFolder();
    file = databaseOf(folder);
    provider = await startProvider({ clients: [CLIENT] });
    await begin();
    await addCustomers(file, 'live', 0, LIVE);
  });
  after(async () => {
    shop.close();
    await storefront.kill();
    await provider.stop();
    folder.remove();
  });

  /** Customers that no change was made to. */
  let added = LIVE;
  const fresh = async (name, count) => {
    const first = added;
    added += count;
    await addCustomers(file, name, first, count);
    return Array.from({ length: count }, (_, at) => customer(first + at));
  };

  /** What makes a round's changes, each with what it ends. */
  const stream = async () => {
    const others = await fresh('everywhere', CUSTOMERS);
    const secrets = await fresh('password', CUSTOMERS);
    const withBody = async (who) => ({ who, body: await linkBody(provider, who) });
    const linked = await Promise.all((await fresh('link', LINKS)).map(withBody));
    return {
      others: () => others.length,
      logout() {
        const change = changeOf('logout', customer(Math.floor(Math.random() * LIVE)));
        return { ...change, ends: change.ends.slice(0, 1), spared: change.ends.slice(1) };
      },
      everywhere: () => changeOf('everywhere', others.pop()),
      everywhereByStore: () => changeOf('everywhereByStore', others.pop()),
      password: () => changeOf('password', secrets.pop()),
      link() {
        const { who, body } = linked.pop();
        return changeOf('link', who, body);
      },
    };
  };

  /** Sends changes until the storefront is gone. */
  const untilKilled = async (earliest) => {
    const next = await stream();
    const changes = [];
    let death, over = false;
    const make = async (kind) => {
      const change = { ...next[kind](), acknowledged: false };
      changes.push(change);
      const answer = await change.send(shop).catch((error) => {
        assert.ok(death, `failed before the kill: ${error}`);
      });
      if (answer === undefined) {
        over = true;
        return;
      }
      if (answer.status === 503) change.turnedAway = true;
      else {
        assert.equal(answer.status, change.status, `${kind}: ${answer.text}`);
        change.acknowledged = true;
      }
      if (kind === 'link') change.issued = answer.json.data?.token;
    };
    const many = async () => {
      while (!over) {
        // On a fast disk, the customers may be used up.
        const isLogout = Math.random() < 0.7 || next.others() === 0;
        await make(isLogout ? 'logout' : Math.random() < 0.5 ? 'everywhere' : 'everywhereByStore');
      }
    };
    const passwords = async () => { while (!over) await make('password'); };
    const killing = new Promise((resolve) => {
      setTimeout(() => resolve(death = storefront.kill()), earliest + Math.random() * (LATEST - EARLIEST));
    });
    // All links at once: the answer to each comes in the next second, when a login is younger than the link.
    const links = Array.from({ length: LINKS }, () => make('link'));
    await Promise.all([killing, ...links, ...Array.from({ length: STREAMS }, many), passwords()]);
    assert.deepEqual(await death, { code: null, signal: 'SIGKILL' });
    shop.close();
    return changes;
  };

  /** How many of these revocations are in effect, all of whose tokens must have ended, or none. */
  const inEffect = async (changes) => {
    const statuses = [];
    for (let at = 0; at < changes.length; at += AT_ONCE) {
      const some = changes.slice(at, at + AT_ONCE).map((change) => shop.statuses(change.ends));
      statuses.push(...await Promise.all(some));
    }
    return statuses.filter((these, at) => {
      const [first, ...rest] = these;
      assert.ok([200, 403].includes(first), `${changes[at].kind}: ${these}`);
      // Two tokens of one customer: the same cut-off.
      for (const other of rest) assert.equal(other, first, changes[at].kind);
      return first === 403;
    }).length;
  };

  test('it forgets no revocation that it has acknowledged', async (t) => {
    const all = [];
    const totals = { unanswered: 0, unansweredInEffect: 0, turnedAway: 0, spared: 0, forgotten: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      // The first stream is so long that at least one of each kind is acknowledged.
      const changes = await untilKilled(round === 0 ? 2_500 : EARLIEST);
      await begin();

      const acknowledged = changes.filter((change) => change.acknowledged);
      totals.forgotten += acknowledged.length - await inEffect(acknowledged);
      const others = changes.filter((change) => !change.acknowledged);
      totals.unansweredInEffect += await inEffect(others);
      totals.turnedAway += others.filter((change) => change.turnedAway).length;
      totals.unanswered += others.filter((change) => !change.turnedAway).length;
      assert.ok(others.length > 0, 'nothing was on its way');
      await assertSound(file);

      const spared = changes.flatMap((change) => [...change.spared ?? [], ...change.issued ? [change.issued] : []]);
      const live = [...spared, ...tokensOf(customer(0))];
      assert.deepEqual(new Set(await shop.statuses(live)), new Set([200]));
      totals.spared += live.length;

      // One of each, as each login costs a hash: the last change before the kill.
      const changed = acknowledged.findLast(({ kind }) => kind === 'password');
      if (changed) {
        assert.equal((await shop.login(changed.who, changed.password)).status, 200);
        assert.equal((await shop.login(changed.who)).status, 403);
      }
      const linked = acknowledged.findLast(({ kind }) => kind === 'link');
      if (linked) assert.equal((await shop.login(linked.who)).status, 403);
      all.push(...acknowledged);
    }
    // Each once more: no later round has brought an earlier one's token back.
    totals.forgotten += all.length - await inEffect(all);

    const counts = KINDS.map((kind) => `${kind} ${all.filter((change) => change.kind === kind).length}`);
    const { unanswered, unansweredInEffect, turnedAway, spared, forgotten } = totals;
    t.diagnostic(`${ROUNDS} rounds; acknowledged revocations: ${all.length} (${counts.join(', ')}); forgotten: ${forgotten}`);
    t.diagnostic(`unanswered: ${unanswered}, turned away: ${turnedAway}, in effect of these: ${unansweredInEffect}`);
    t.diagnostic(`tokens that nothing ended, and work: ${spared}; integrity_check ok: ${ROUNDS}`);
    assert.equal(forgotten, 0);
    for (const kind of KINDS) assert.ok(all.some((change) => change.kind === kind), `no ${kind} was acknowledged`);
  });
});

// ---------------------------------------------------------------------------------------------- named points

const WRITE = 'pwrite64';
const FLUSH = 'fsync';
const ANSWER = 'writev';

// Before a call: by SIGKILL as the call begins, which the kernel then does not carry out. Right after it: by a signal
// that ends a process as well, but waits until the call is done.
const BEFORE = 'SIGKILL';
const AFTER = 'SIGALRM';

// What a flush that had not begun would have carried to the disk, and what a crash of the machine takes.
const KEPT = 1;
const HALF_KEPT = 0.5;
const LOST = 0;

/**
 * Points in the transaction of one change. `at` is the number of a write to the write-ahead log, given how many the
 * transaction makes: two for each page, its header and itself. The last page's header makes it a commit, and the last
 * write makes it valid.
 */
const POINTS = [
  ['logout', 'before the first write', { at: () => 1 }, NEITHER],
  ['logout', 'between the header of the first page and the page', { at: () => 2 }, NEITHER],
  ['logout', 'before the header of the last page, which commits', { at: (writes) => writes - 1 }, NEITHER],
  ['logout', 'before the last page', { at: (writes) => writes }, NEITHER],
  ['logout', 'before the flush', { call: FLUSH }, WHOLE],
  ['logout', 'before the flush, with a crash of the machine', { call: FLUSH, kept: LOST }, NEITHER],
  ['logout', 'after the flush, before the index of the log', { call: FLUSH, signal: AFTER }, WHOLE],
  ['logout', 'before the answer', { call: ANSWER }, WHOLE],
  ['everywhere', 'halfway through the writes', { at: (writes) => writes / 2 + 1 }, NEITHER],
  ['everywhere', 'before the flush', { call: FLUSH }, WHOLE],
  ['everywhereByStore', 'before the last page', { at: (writes) => writes }, NEITHER],
  ['everywhereByStore', 'after the flush, before the index of the log', { call: FLUSH, signal: AFTER }, WHOLE],
  ['password', 'before the first write', { at: () => 1 }, NEITHER],
  ['password', 'between the new password and the revocation', { at: (writes) => writes / 2 + 1 }, NEITHER],
  ['password', 'before the last page', { at: (writes) => writes }, NEITHER],
  ['password', 'after the last page', { at: (writes) => writes, signal: AFTER }, WHOLE],
  ['password', 'before the flush, with a crash of the machine halfway', { call: FLUSH, kept: HALF_KEPT }, NEITHER],
  ['password', 'after the flush, before the index of the log', { call: FLUSH, signal: AFTER }, WHOLE],
  ['password', 'before the answer', { call: ANSWER }, WHOLE],
  ['link', 'between the identity and the revocation', { at: (writes) => writes / 2 + 1 }, NEITHER],
  ['link', 'after the flush, before the index of the log', { call: FLUSH, signal: AFTER }, WHOLE],
  ['deletion', 'halfway through the writes', { at: (writes) => writes / 2 + 1 }, NEITHER],
  ['deletion', 'after the flush, before the index of the log', { call: FLUSH, signal: AFTER }, WHOLE],
].map(([kind, where, { call = WRITE, at = () => 1, signal = BEFORE, kept = KEPT }, outcome]) =>
  ({ kind, where, call, at, signal, kept, outcome }));

/**
 * Points in a checkpoint, which carries the pages of the log into the file, and in what comes of it. `at` is given how
 * many writes to the file it makes.
 */
const CHECKPOINT_POINTS = [
  ['before the first write to the file', { at: () => 1 }],
  ['halfway through the writes to the file', { at: (writes) => Math.ceil(writes / 2) }],
  ['after the last write to the file', { at: (writes) => writes, signal: AFTER }],
  ['before the flush of the file', { call: FLUSH }],
  ['after the flush of the file', { call: FLUSH, signal: AFTER }],
].map(([where, { call = WRITE, at = () => 1, signal = BEFORE }]) => ({ where, call, at, signal }));

const RESTART_POINTS = [
  ['before the new header of the log', 1],
  ['between the new header and the first page', 2],
];

const injection = ({ call, signal }, when = 1) => `${call}:signal=${signal}:when=${when}`;

describe('killed at a named point', { timeout: 900_000 }, () => {
  const KINDS = ['logout', 'everywhere', 'everywhereByStore', 'password', 'link', 'deletion'];
  const WHO = Object.fromEntries(KINDS.map((kind, at) => [kind, customer(at)]));
  const OTHER = customer(KINDS.length);
  // SQLite carries the log into the file when it has 1000 pages, of 24 + 4096 bytes each.
  const NEARLY_FULL = 985 * 4_120;

  let folder, provider, base, full;
  before(async () => {
    folder = freshFolder();
    provider = await startProvider({ clients: [CLIENT] });
    base = await prepare('base', 0);
    full = await prepare('full', NEARLY_FULL);
  });
  after(async () => {
    // Of a point that failed.
    for (const storefront of left) await storefront.kill();
    await provider.stop();
    folder.remove();
  });

  const subfolder = (name) => {
    const made = { path: path.join(folder.path, name) };
    mkdirSync(made.path);
    return made;
  };
  const logOf = (made) => `${databaseOf(made)}-wal`;

  /** Makes a folder whose storefront was killed with a log of so many bytes, none of which is in the file yet. */
  const prepare = async (name, bytes) => {
    const made = subfolder(name);
    const storefront = await start(made, provider);
    for (const [at, kind] of KINDS.entries()) await addCustomers(databaseOf(made), kind, at, 1);
    await addCustomers(databaseOf(made), 'other', KINDS.length, 1);
    const shop = await open(storefront);
    do {
      const answer = await shop.logout(oldToken(OTHER));
      assert.equal(answer.status, 204, answer.text);
    } while (statSync(logOf(made)).size < bytes);
    shop.close();
    await storefront.kill();
    return made;
  };

  let runs = 0;
  const left = new Set();
  /** A storefront on a copy of a prepared folder. */
  const copy = async (from) => {
    runs += 1;
    const made = subfolder(`run-${runs}`);
    cpSync(from.path, made.path, { recursive: true });
    const storefront = await start(made, provider);
    left.add(storefront);
    return { made, storefront, shop: await open(storefront), output: path.join(folder.path, `strace-${runs}`) };
  };

  /** Restarts what was killed, for `check`. */
  const afterwards = async ({ made, storefront, shop }, { signal }, check) => {
    assert.deepEqual(await storefront.kill(), { code: null, signal });
    shop.close();
    left.delete(storefront);
    const again = await start(made, provider);
    left.add(again);
    const opened = await open(again);
    await check(opened);
    await assertSound(databaseOf(made));
    opened.close();
    await again.stop();
    left.delete(again);
    rmSync(made.path, { recursive: true });
  };

  const newChange = async (kind) =>
    changeOf(kind, WHO[kind], kind === 'link' ? await linkBody(provider, WHO[kind]) : undefined);

  const isOf = (file) => (line) => line.includes(`${file}>`);
  const begins = (call) => (line) => line.startsWith(`${call}(`);
  const ends = (call) => (line) => /= \d+$/.test(line) && (line.startsWith(`${call}(`) || line.startsWith(`<... ${call} `));

  /** How many writes to the log a change makes before it flushes it. */
  const writes = {};
  for (const kind of KINDS) {
    test(`${kind} is answered after the flush of the log, in a run without a fault`, async () => {
      const { made, storefront, shop, output } = await copy(base);
      const change = await newChange(kind);
      const trace = await attach(storefront, { calls: [WRITE, FLUSH, ANSWER], output });
      const { status, text } = await change.send(shop);
      assert.equal(status, change.status, text);
      const calls = await trace.detach();
      const flush = calls.findIndex(ends(FLUSH));
      const answer = calls.findLastIndex(begins(ANSWER));
      assert.ok(flush > 0 && flush < answer, calls.join('\n'));
      writes[kind] = calls.slice(0, flush).filter(begins(WRITE)).filter(isOf(logOf(made))).length;
      assert.ok(writes[kind] >= 4, calls.join('\n'));
      assert.equal(await change.outcome(shop), WHOLE);
      shop.close();
    });
  }

  const reach = async ({ kind, call, at, signal, kept, outcome }) => {
    const running = await copy(base);
    const { made, storefront, shop, output } = running;
    const change = await newChange(kind);
    const log = logOf(made);
    const flushed = statSync(log).size;
    const trace = await attach(storefront, {
      calls: [call],
      files: call === ANSWER ? [] : [log],
      inject: injection({ call, signal }, call === WRITE ? at(writes[kind]) : 1),
      output,
    });
    await assert.rejects(change.send(shop), { code: 'ECONNRESET' });
    assert.equal((await trace.last()).some(begins(call)), true);
    if (kept < 1) truncateSync(log, flushed + Math.floor((statSync(log).size - flushed) * kept));
    await afterwards(running, { signal }, async (again) => {
      assert.equal(await change.outcome(again), outcome);
    });
  };

  let reached = 0;
  for (const point of POINTS) {
    test(`${point.kind}, ${point.where}: ${point.outcome} of change and revocation`, async () => {
      await reach(point);
      reached += 1;
    });
  }

  /** Logs out until the storefront is gone. Resolves with the tokens of those logouts that were acknowledged. */
  const untilGone = async (shop) => {
    const acknowledged = [];
    for (;;) {
      const token = oldToken(OTHER);
      const answer = await shop.logout(token).catch(() => undefined);
      if (answer === undefined) return acknowledged;
      assert.equal(answer.status, 204, answer.text);
      acknowledged.push(token);
      assert.ok(acknowledged.length < 100, 'the point was not reached');
    }
  };
  const areAllEnded = (tokens) => async (shop) => {
    assert.deepEqual(await shop.statuses(tokens), tokens.map(() => 403));
    assert.equal(await shop.status(oldToken(OTHER)), 200);
  };

  /** Logs out until there was a checkpoint. Resolves with the tokens. */
  const untilCheckpoint = async ({ made, shop }) => {
    const file = databaseOf(made);
    const { mtimeMs } = statSync(file);
    const tokens = [];
    while (statSync(file).mtimeMs === mtimeMs) {
      assert.ok(tokens.length < 100, 'there was no checkpoint');
      tokens.push(oldToken(OTHER));
      assert.equal((await shop.logout(tokens.at(-1))).status, 204);
    }
    return tokens;
  };

  let carried;
  test('a checkpoint flushes the file, in a run without a fault', async () => {
    const running = await copy(full);
    const { made, storefront, shop, output } = running;
    const trace = await attach(storefront, { calls: [WRITE, FLUSH], files: [databaseOf(made)], output });
    await untilCheckpoint(running);
    const calls = await trace.detach();
    carried = calls.filter(begins(WRITE)).length;
    assert.ok(carried > 10, calls.join('\n'));
    assert.equal(calls.findIndex(begins(FLUSH)), carried);
    shop.close();
  });

  for (const { where, call, at, signal } of CHECKPOINT_POINTS) {
    test(`checkpoint, ${where}: every acknowledged revocation is there`, async () => {
      const running = await copy(full);
      const { made, storefront, shop, output } = running;
      const inject = injection({ call, signal }, call === WRITE ? at(carried) : 1);
      const trace = await attach(storefront, { calls: [call], files: [databaseOf(made)], inject, output });
      const acknowledged = await untilGone(shop);
      assert.equal((await trace.last()).some(begins(call)), true);
      await afterwards(running, { signal }, areAllEnded(acknowledged));
      reached += 1;
    });
  }

  for (const [where, when] of RESTART_POINTS) {
    test(`the first change after a checkpoint, ${where}: every acknowledged revocation is there`, async () => {
      const running = await copy(full);
      const { made, storefront, shop, output } = running;
      const acknowledged = await untilCheckpoint(running);
      const inject = injection({ call: WRITE, signal: BEFORE }, when);
      const trace = await attach(storefront, { calls: [WRITE], files: [logOf(made)], inject, output });
      const lost = oldToken(OTHER);
      await assert.rejects(shop.logout(lost), { code: 'ECONNRESET' });
      // The header has 32 bytes, at the start.
      assert.match((await trace.last())[0], /, 32, 0\) /);
      await afterwards(running, { signal: BEFORE }, async (again) => {
        await areAllEnded(acknowledged)(again);
        assert.equal(await again.status(lost), 200);
      });
      reached += 1;
    });
  }

  test('the end of a process, before it removes the log: every acknowledged revocation is there', async () => {
    const running = await copy(base);
    const { made, storefront, shop, output } = running;
    const token = oldToken(OTHER);
    assert.equal((await shop.logout(token)).status, 204);
    const inject = injection({ call: 'unlink', signal: BEFORE });
    const trace = await attach(storefront, { calls: ['unlink'], files: [logOf(made)], inject, output });
    await assert.rejects(storefront.stop(), /SIGKILL/);
    assert.equal((await trace.last()).some(begins('unlink')), true);
    await afterwards(running, { signal: BEFORE }, areAllEnded([token]));
    reached += 1;
  });

  if (EVERY_WRITE) for (const kind of KINDS) {
    test(`${kind}, before each write: neither of change and revocation`, async () => {
      for (let at = 1; at <= writes[kind]; at += 1) {
        await reach({ kind, call: WRITE, at: () => at, signal: BEFORE, kept: KEPT, outcome: NEITHER });
        reached += 1;
      }
    });
  }

  test('all of these points were reached', (t) => {
    const named = POINTS.length + CHECKPOINT_POINTS.length + RESTART_POINTS.length + 1;
    const each = EVERY_WRITE ? KINDS.reduce((sum, kind) => sum + writes[kind], 0) : 0;
    t.diagnostic(`fail points inside a transaction: ${named} named, ${each} more before each write; reached: ${reached}`);
    assert.equal(reached, named + each);
  });
});
