// Faults of the disk, the file and the log, with the real thing: what fails, fails as a whole and is not acknowledged,
// tokens are verified for as long as the revocations are fresh, and a fault that goes away needs no restart.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  NEITHER, WHOLE, addCustomers, assertSound, attach, changeOf, contents, customer, databaseOf, oldToken, open, sql,
  tokensOf,
} from './durability.mjs';
import { BEHIND_A_PROXY, RON, assertErrors, freshFolder, startStorefront, within } from './support.mjs';

/** `patient`: also what takes a minute, or is much like another one. */
const PATIENT = process.env.FAULTS === 'patient';

const MAX_STALENESS = 2; // s
const BOUND = MAX_STALENESS * 1_000 + 500; // ms
const KINDS = ['logout', 'everywhere', 'everywhereByStore', 'password', 'deletion'];

const begin = (folder) =>
  startStorefront({ folder, env: { ...BEHIND_A_PROXY, STOREFRONT_MAX_STALENESS: String(MAX_STALENESS) } });

/** Why something can't be had here, or `false`. */
function lacking(what, ...attempt) {
  const folder = freshFolder();
  try {
    for (const [command, ...args] of attempt) {
      execFileSync(command, args.map((arg) => arg.replace('@', folder.path)), { stdio: 'pipe' });
    }
    return false;
  } catch (error) {
    return `not permitted here: ${what} (${String(error.stderr ?? error.message).trim()})`;
  } finally {
    folder.remove();
  }
}
const NO_MOUNT = lacking('mounting a tmpfs', ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', '@'], ['umount', '@']);
const NO_LOOP = lacking('mounting a file system from a file', ['truncate', '-s', '8M', '@/image'], ['mkdir', '@/on'],
  ['mkfs.ext4', '-q', '@/image'], ['mount', '-o', 'loop', '@/image', '@/on'], ['umount', '@/on']);
const NO_CHATTR = lacking('chattr', ['touch', '@/file'], ['chattr', '+i', '@/file'], ['chattr', '-i', '@/file']);

/** What a test leaves behind unless it is undone: mounts, processes, folders. The last one is undone first. */
const undo = [];
const onExit = () => undo.splice(0).reverse().forEach((step) => { try { step(); } catch { /* It was undone. */ } });
process.on('exit', onExit);

function temporaryFolder() {
  const folder = freshFolder();
  undo.push(folder.remove);
  return folder;
}

/** A folder that is a file system of its own, of 16 MB. */
function tmpfs() {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder.path]);
  undo.push(() => execFileSync('umount', ['-l', folder.path], { stdio: 'ignore' }));
  return folder;
}

/** Takes all room that is left, and returns what gives it back. */
function fill(folder) {
  const file = path.join(folder.path, 'filler');
  const filler = openSync(file, 'w');
  assert.throws(() => { for (;;) writeSync(filler, Buffer.alloc(4_096)); }, { code: 'ENOSPC' });
  closeSync(filler);
  return () => rmSync(file);
}

/** A process that holds the lock of writers, and resolves with what ends it. */
async function lock(file, statement) {
  const child = spawn('sqlite3', ['-batch', '-bail', file], { stdio: ['pipe', 'pipe', 'inherit'] });
  undo.push(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  child.stdin.write(`${statement};\nSELECT 'locked';\n`);
  assert.equal(String((await within(10_000, 'the lock', once(child.stdout, 'data')))[0]), 'locked\n');
  return async () => {
    child.stdin.end();
    await ended;
  };
}

function assertUnavailable(answer, what) {
  const { status, headers, text } = answer;
  assert.equal(status, 503, `${what}: ${text}`);
  assert.match(headers['retry-after'], /^[1-9]\d*$/, what);
  assert.equal(headers['cache-control'], 'no-store', what);
  assertErrors(answer.json, 503);
}

const asOutcome = (outcome) => KINDS.map((kind) => `${kind}: ${outcome}`);
const outcomesOf = async (shop, changes) => {
  const outcomes = [];
  for (const change of changes) outcomes.push(`${change.kind}: ${await change.outcome(shop)}`);
  return outcomes;
};

describe('a fault while the storefront runs', { timeout: 300_000 }, () => {
  let opened = [];
  const openedOn = async (folder) => {
    const storefront = await begin(folder);
    const shop = await open(storefront);
    opened.push(shop);
    return shop;
  };
  const close = async (shop) => {
    opened = opened.filter((other) => other !== shop);
    shop.close();
    await shop.storefront.kill();
  };
  afterEach(async () => {
    for (const shop of opened) await close(shop);
    onExit();
  });

  /** A storefront whose customers are about to be changed, in three sets, and a token that was revoked before. */
  const prepared = async (folder) => {
    const shop = await openedOn(folder);
    const file = databaseOf(folder);
    const sets = [];
    for (let set = 0; set < 3; set += 1) {
      for (const [at, kind] of KINDS.entries()) await addCustomers(file, kind, set * KINDS.length + at, 1);
      sets.push(KINDS.map((kind, at) => changeOf(kind, customer(set * KINDS.length + at))));
    }
    const [revoked, good] = tokensOf(RON);
    assert.equal((await shop.logout(revoked)).status, 204);
    return { shop, file, sets, revoked, good };
  };

  const makeAll = async (shop, changes) => {
    for (const change of changes) {
      const { status, text } = await change.send(shop);
      assert.equal(status, change.status, `${change.kind}: ${text}`);
    }
  };
  const refuseAll = async (shop, changes) => {
    // At once, as a client may: each of them waits for its turn to write.
    const answers = await Promise.all(changes.map((change) => change.send(shop)));
    answers.forEach((answer, at) => assertUnavailable(answer, changes[at].kind));
  };

  /** Good tokens are served and revoked ones are refused, for longer than a list may be stale. */
  const isServed = async ({ shop, good, revoked }, since) => {
    do {
      assert.deepEqual(await shop.statuses([good, revoked]), [200, 403]);
      assert.equal((await shop.get('/readyz')).status, 200);
    } while (performance.now() < since + BOUND);
    assert.equal((await shop.login(RON)).status, 200);
  };

  /** After a restart, changes that failed are there as nothing, and those that were made as a whole. */
  const isKept = async (folder, { failed, made, good, revoked }) => {
    const shop = await openedOn(folder);
    assert.deepEqual(await shop.statuses([good, revoked]), [200, 403]);
    assert.deepEqual(await outcomesOf(shop, failed), asOutcome(NEITHER));
    assert.deepEqual(await outcomesOf(shop, made), made.length ? asOutcome(WHOLE) : []);
    await assertSound(databaseOf(folder));
    return shop;
  };

  /** What holds during a fault that keeps the storefront from writing. `cause` resolves with what ends it. */
  const during = async (all, cause, failing) => {
    const { shop, file } = all;
    const before = await contents(file);
    const cure = await cause(shop.storefront, file);
    const since = performance.now();
    for (const changes of failing) await refuseAll(shop, changes);
    assert.equal(await contents(file), before);
    await isServed(all, since);
    return cure;
  };

  /**
   * Goes through such a fault, and on without a restart. The first set of changes fails and is repeated when the fault
   * is over, the second one fails and is not, and the third one is made after the fault.
   */
  const through = async (folder, cause) => {
    const all = await prepared(folder);
    const { shop, sets: [repeated, failed, later] } = all;
    await (await during(all, cause, [repeated, failed]))();
    for (const made of [repeated, later]) {
      await makeAll(shop, made);
      assert.deepEqual(await outcomesOf(shop, made), asOutcome(WHOLE));
    }
    await close(shop);
    const again = await isKept(folder, { ...all, failed, made: repeated });
    assert.deepEqual(await outcomesOf(again, later), asOutcome(WHOLE));
  };

  /** Goes through such a fault, and a restart. */
  const throughRestart = async (folder, cause) => {
    const all = await prepared(folder);
    const { shop, sets: [failed] } = all;
    const cure = await during(all, cause, [failed]);
    await close(shop);
    await cure();
    const again = await isKept(folder, { ...all, failed, made: [] });
    await makeAll(again, failed);
    assert.deepEqual(await outcomesOf(again, failed), asOutcome(WHOLE));
  };

  test('the disk is full', { skip: NO_MOUNT }, async () => {
    const folder = tmpfs();
    await through(folder, () => fill(folder));
  });

  /** Makes the files immutable, which root can't write either; returns what ends it. */
  const immutable = (_, file) => {
    const set = (flag) => execFileSync('chattr', [flag, file, `${file}-wal`], { stdio: 'pipe' });
    undo.push(() => set('-i'));
    set('+i');
    return () => set('-i');
  };

  test('the files are read-only until a restart', { skip: NO_CHATTR }, () => throughRestart(temporaryFolder(), immutable));

  // What SQLite opens during the fault stays read-only; the storefront opens it anew once a minute.
  if (PATIENT) test('the files are read-only for a while', { skip: NO_CHATTR }, async () => {
    const folder = temporaryFolder();
    const all = await prepared(folder);
    const { shop, sets: [failed, later] } = all;
    await (await during(all, immutable, [failed]))();
    const cured = performance.now();
    for (let inARow = 0; inARow < 8;) {
      inARow = (await shop.logout(oldToken(RON))).status === 204 ? inARow + 1 : 0;
      assert.ok(performance.now() < cured + 90_000, 'the storefront does not write again');
      await setTimeout(100);
    }
    await makeAll(shop, later);
    await close(shop);
    await isKept(folder, { ...all, failed, made: later });
  });

  for (const statement of ['BEGIN IMMEDIATE', ...PATIENT ? ['BEGIN EXCLUSIVE'] : []]) {
    test(`another process has locked the file with ${statement}`, async () => {
      await through(temporaryFolder(), (_, file) => lock(file, statement));
    });
  }

  test('writes to the log fail with EIO', async () => {
    const folder = temporaryFolder();
    await through(folder, (storefront, file) => inject(folder, storefront, 'pwrite64', [`${file}-wal`]));
  });

  /** Makes calls of the storefront fail with EIO; resolves with what lets them work again. */
  const inject = async (folder, storefront, call, files) => {
    const output = path.join(folder.path, `strace-${call}`);
    const trace = await attach(storefront, { calls: [call], files, inject: `${call}:error=EIO`, output });
    return async () => {
      const calls = await trace.detach();
      assert.ok(calls.some((line) => line.endsWith('(INJECTED)')), `no ${call} has failed`);
    };
  };

  test('the file system has turned read-only, and is mounted again', { skip: NO_LOOP }, async () => {
    const outside = temporaryFolder();
    const [image, folder] = [path.join(outside.path, 'image'), { path: path.join(outside.path, 'on') }];
    mkdirSync(folder.path);
    execFileSync('truncate', ['-s', '32M', image]);
    execFileSync('mkfs.ext4', ['-q', image]);
    const mount = () => execFileSync('mount', ['-o', 'loop', image, folder.path]);
    mount();
    undo.push(() => execFileSync('umount', ['-l', folder.path], { stdio: 'ignore' }));

    await throughRestart(folder, () => {
      // What the kernel does by itself on an error, with `errors=remount-ro`. While files are open, nothing else can.
      execFileSync('mount', ['-o', 'remount,abort', folder.path]);
      return () => {
        execFileSync('umount', [folder.path]);
        mount();
      };
    });
  });

  test('flushes of the log fail with EIO: after a crash each change is there as a whole or not at all', async () => {
    const folder = temporaryFolder();
    const { shop, file, sets, good, revoked } = await prepared(folder);
    const cure = await inject(folder, shop.storefront, 'fsync', [`${file}-wal`]);
    await refuseAll(shop, sets[0]);
    await cure();
    await makeAll(shop, sets[1]);
    // The last one before the crash: its pages are in the log, and no later change takes their place.
    const last = await inject(folder, shop.storefront, 'fsync', [`${file}-wal`]);
    await refuseAll(shop, sets[2].filter(({ kind }) => kind === 'password'));
    await last();
    await close(shop);
    const again = await openedOn(folder);
    assert.deepEqual(await again.statuses([good, revoked]), [200, 403]);
    assert.deepEqual(await outcomesOf(again, sets[1]), asOutcome(WHOLE));
    for (const change of [...sets[0], ...sets[2]]) await change.outcome(again);
    await assertSound(file);
  });

  test('a checkpoint fails with EIO: changes go on, and are there after a crash', async () => {
    const folder = temporaryFolder();
    const { shop, file, revoked, good } = await prepared(folder);
    const cure = await inject(folder, shop.storefront, 'pwrite64', [file]);
    const tokens = [];
    // SQLite carries the log into the file when it has 1000 pages.
    while (statSync(`${file}-wal`).size < 1_100 * 4_120) {
      tokens.push(oldToken(RON));
      assert.equal((await shop.logout(tokens.at(-1))).status, 204);
    }
    await cure();
    await close(shop);
    const again = await openedOn(folder);
    assert.deepEqual(await again.statuses([good, revoked, ...tokens]), [200, 403, ...tokens.map(() => 403)]);
    await assertSound(file);
  });

  // Verified without a look into the file.
  const SETTINGS = '/v2/settings/customer-authentication';

  /** Verification goes on until the list is too old, and `/readyz` says so; and again when the fault is over. */
  const isStaleUntilCured = async ({ shop, good, revoked }, cure) => {
    const since = performance.now();
    let served = 0;
    for (;;) {
      const [answer, ready] = [await shop.get(SETTINGS, good), await shop.get('/readyz')];
      assert.equal((await shop.get(SETTINGS, revoked)).status, 403);
      if (answer.status === 503) {
        assertUnavailable(answer, 'a good token');
        break;
      }
      assert.equal(answer.status, 200, answer.text);
      assert.ok(ready.status === 200 || performance.now() > since + 1_000);
      served += 1;
      assert.ok(performance.now() < since + 2 * BOUND, 'the list does not become stale');
    }
    assert.ok(served > 0);
    const ready = await shop.get('/readyz');
    assertUnavailable(ready, '/readyz');
    assert.match(ready.json.errors[0].detail, /^the revocation log was last read \d{4,5} ms ago, the limit is 2000 ms$/);
    assert.equal((await shop.get('/healthz')).status, 200);
    await cure();
    const cured = performance.now();
    while ((await shop.get('/readyz')).status !== 200) {
      assert.ok(performance.now() < cured + 10_000, 'the list stays stale');
      await setTimeout(50);
    }
    assert.deepEqual(await shop.statuses([good, revoked]), [200, 403]);
  };

  test('reads fail with EIO: verification goes on until the list is stale, and again when they work', async () => {
    const folder = temporaryFolder();
    const all = await prepared(folder);
    const { shop, file, sets } = all;
    const cure = await inject(folder, shop.storefront, 'pread64', [file, `${file}-wal`]);
    // Another process writes, so that what the storefront has in memory is of no use.
    await sql(file, 'UPDATE customer_auth_customers SET updated_at = updated_at + 1');
    const before = await contents(file);
    await refuseAll(shop, sets[0]);
    assertUnavailable(await shop.get('/v2/orders', all.good), 'orders');
    assertUnavailable(await shop.login(RON), 'a login');
    assert.equal(await contents(file), before);
    await isStaleUntilCured(all, cure);
    await makeAll(shop, sets[0]);
    await close(shop);
    await isKept(folder, { ...all, failed: sets[1], made: sets[0] });
  });

  test('reads hang: verification does not', async () => {
    const folder = temporaryFolder();
    const all = await prepared(folder);
    const { shop, file, sets } = all;
    // SQLite takes this for a lock of another process, and waits for 10 s.
    const cure = await inject(folder, shop.storefront, 'fcntl', [`${file}-shm`]);
    const change = sets[0][0].send(shop);
    // The list may become stale before the change has reached its time limit.
    await isStaleUntilCured(all, async () => {
      assertUnavailable(await change, 'a logout');
      await cure();
    });
    await makeAll(shop, sets[0]);
  });

  test('another process has written a row that is no entry: the list becomes stale until it is gone', async () => {
    const folder = temporaryFolder();
    const all = await prepared(folder);
    const { shop, file, sets } = all;
    await sql(file, CORRUPT_ROW);
    await isStaleUntilCured(all, () => sql(file, `DELETE FROM customer_auth_revocations WHERE kind = 'other'`));
    assert.match(shop.storefront.errors.join('\n'), /row \d+ of customer_auth_revocations is not valid/);
    await makeAll(shop, sets[0]);
    await close(shop);
    await isKept(folder, { ...all, failed: sets[1], made: sets[0] });
  });
});

const CORRUPT_ROW = `PRAGMA ignore_check_constraints = ON;
  INSERT INTO customer_auth_revocations (kind, subject, until) VALUES ('other', 'a', 1)`;

describe('a fault at the start', { timeout: 120_000 }, () => {
  after(onExit);

  /** A folder with the file of a storefront that has revoked tokens, and one of these. */
  const stopped = async (folder) => {
    const storefront = await begin(folder);
    const shop = await open(storefront);
    const tokens = Array.from({ length: 500 }, () => oldToken(RON));
    for (const token of tokens) assert.equal((await shop.logout(token)).status, 204);
    shop.close();
    await storefront.stop();
    // All of it in one file, whichever connection of the storefront was the last.
    await sql(databaseOf(folder), 'PRAGMA wal_checkpoint(TRUNCATE)');
    return tokens;
  };

  const refuses = (folder, ...reasons) => assert.rejects(begin(folder), ({ message }) => {
    assert.match(message, /^the storefront ended with \{"code":1,"signal":null\}/);
    for (const reason of reasons) assert.match(message, reason);
    return true;
  });

  const accepts = async (folder, tokens) => {
    const storefront = await begin(folder);
    const shop = await open(storefront);
    assert.deepEqual(await shop.statuses([...tokens, oldToken(RON)]), [...tokens.map(() => 403), 200]);
    shop.close();
    await storefront.stop();
  };

  test('a row is no entry: the row is named, and once it is gone the storefront starts', async () => {
    const folder = temporaryFolder();
    const tokens = await stopped(folder);
    const file = databaseOf(folder);
    await sql(file, CORRUPT_ROW);
    const [{ position }] = await sql(file, `SELECT position FROM customer_auth_revocations WHERE kind = 'other'`);
    const row = new RegExp(`row ${position} of customer_auth_revocations is not valid`);
    await refuses(folder, /the revocation log is corrupt/, row);
    await refuses(folder, row);
    await sql(file, `DELETE FROM customer_auth_revocations WHERE kind = 'other'`);
    await accepts(folder, tokens);
  });

  test('a page of the log is damaged: nothing of it is skipped, and a copy of the file starts', async () => {
    const folder = temporaryFolder();
    const tokens = await stopped(folder);
    const file = databaseOf(folder);
    cpSync(file, `${file}.copy`);
    const pages = await sql(file, `SELECT pageno FROM dbstat WHERE name = 'customer_auth_revocations' AND pagetype = 'leaf'`);
    assert.ok(pages.length > 5);
    const bytes = readFileSync(file);
    const { pageno } = pages[Math.floor(pages.length / 2)];
    bytes.fill(0xA5, (pageno - 1) * 4_096, pageno * 4_096);
    writeFileSync(file, bytes);
    await refuses(folder, /the revocation log is corrupt/, /database disk image is malformed/);
    cpSync(`${file}.copy`, file);
    await accepts(folder, tokens);
  });

  test('the log is that of a later version: both versions are named', async () => {
    const folder = temporaryFolder();
    const tokens = await stopped(folder);
    const file = databaseOf(folder);
    await sql(file, `INSERT INTO customer_auth_revocation_migrations (version, description, success, checksum, execution_time)
      VALUES (9, '', 1, x'', 0)`);
    await refuses(folder, /customer_auth_revocation_migrations is at version 9, and this program supports up to version 1/);
    await sql(file, 'DELETE FROM customer_auth_revocation_migrations WHERE version = 9');
    await accepts(folder, tokens);
  });

  test('the file is not a database', async () => {
    const folder = temporaryFolder();
    writeFileSync(databaseOf(folder), 'This is text, and long enough to be read as the header of a database. '.repeat(99));
    await refuses(folder, /file is not a database/);
  });

  test('another process has locked the file: it starts once that is over', async () => {
    const folder = temporaryFolder();
    const tokens = await stopped(folder);
    const end = await lock(databaseOf(folder), 'BEGIN IMMEDIATE');
    await refuses(folder, /database is locked/);
    await end();
    await accepts(folder, tokens);
  });

  test('the disk is full', { skip: NO_MOUNT }, async () => {
    const folder = tmpfs();
    const tokens = await stopped(folder);
    const end = fill(folder);
    await refuses(folder, /the database .* can't be (opened|created)|database or disk is full|disk I\/O error/);
    end();
    await accepts(folder, tokens);
  });

  test('the file system is read-only', { skip: NO_MOUNT }, async () => {
    const folder = tmpfs();
    const tokens = await stopped(folder);
    execFileSync('mount', ['-o', 'remount,ro', folder.path]);
    await refuses(folder, /the database .* can't be (opened|created)/);
    execFileSync('mount', ['-o', 'remount,rw', folder.path]);
    await accepts(folder, tokens);
  });
});
