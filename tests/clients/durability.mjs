// What the suites of crashes and faults share: the database by SQLite's own shell, strace at a running storefront,
// customers by the hundred, and every change that ends tokens.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { BACK_OFFICE, FORMS, RON, accessToken, claimsFor, loginBody, mint, newSource, request, within } from './support.mjs';

const run = promisify(execFile);

// ---------------------------------------------------------------------------------------------- the database

export const databaseOf = ({ path: folder }) => path.join(folder, 'storefront.sqlite3');

/** The rows of the last query, read and written by a process of its own. */
export async function sql(file, text, { readOnly = false } = {}) {
  const options = ['-batch', '-bail', '-json', '-cmd', '.timeout 5000', ...(readOnly ? ['-readonly'] : [])];
  const { stdout } = await run('sqlite3', [...options, file, text], { maxBuffer: 1 << 28 });
  return stdout === '' ? [] : JSON.parse(stdout);
}

/** Asserts that the file is sound, and that no change is there without its revocation, or the other way round. */
export async function assertSound(file) {
  assert.deepEqual(await sql(file, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  assert.deepEqual(await sql(file, HALVES), []);
}

// `log out everywhere` changes no customer, and has customers to itself.
const HALVES = `
  WITH states AS (
    SELECT customer.id,
      customer.password_hash IS NOT ron.password_hash AS changed,
      EXISTS (SELECT 1 FROM customer_auth_revocations WHERE kind = 'customer' AND subject = customer.id) AS revoked,
      customer.password_hash IS NULL AS taken,
      EXISTS (SELECT 1 FROM customer_auth_identities WHERE customer_id = customer.id) AS linked
    FROM customer_auth_customers AS customer JOIN customer_auth_customers AS ron ON ron.id = '${RON.id}'
    WHERE customer.id LIKE '%-0000-4000-8000-000000000000' AND customer.name NOT LIKE 'everywhere%'
  )
  SELECT * FROM states WHERE changed <> revoked OR taken <> linked`;

/** A customer that `addCustomers` adds. All of them have Ron's password, as a hash for each would take too long. */
export function customer(n) {
  const hex = n.toString(16).padStart(8, '0');
  return { id: `${hex}-0000-4000-8000-000000000000`, email: `n${n}@provider.example`, password: RON.password };
}

/** Adds the customers `from` to `from + count - 1`; `name` says what will be done to them. */
export async function addCustomers(file, name, from, count) {
  await sql(file, `
    WITH RECURSIVE numbers (n) AS (VALUES (${from}) UNION ALL SELECT n + 1 FROM numbers WHERE n < ${from + count - 1})
    INSERT INTO customer_auth_customers (id, name, email, email_key, password_hash, created_at, updated_at)
    SELECT printf('%08x-0000-4000-8000-000000000000', n), '${name}', printf('n%d@provider.example', n),
      printf('n%d@provider.example', n), password_hash, created_at, updated_at
    FROM numbers, customer_auth_customers WHERE id = '${RON.id}'`);
}

/** What a failed change must leave as it was. */
export async function contents(file) {
  const tables = ['customers', 'identities', 'revocations'];
  const rows = tables.map((table) => sql(file, `SELECT * FROM customer_auth_${table}`, { readOnly: true }));
  return createHash('sha256').update(JSON.stringify(await Promise.all(rows))).digest('hex');
}

// ---------------------------------------------------------------------------------------------- strace

const traces = new Set();
process.on('exit', () => traces.forEach((child) => child.kill('SIGKILL')));

/**
 * Attaches strace to a running storefront, and resolves when it sees every thread. From then on it counts: `inject` is
 * what strace calls `-e inject=`, and is about `files` alone, if they are given. A count is about one thread, which
 * is what a connection of the store's runs in.
 */
export async function attach(storefront, { calls, files = [], inject, output }) {
  const child = spawn('strace', [
    '-f', '-y', '-s', '0', '-p', String(storefront.pid), '-e', `trace=${calls.join()}`, '-e', 'signal=none',
    ...files.flatMap((file) => ['-P', file]), ...(inject ? ['-e', `inject=${inject}`] : []), '-o', output,
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  traces.add(child);
  const ended = once(child, 'exit').finally(() => traces.delete(child));
  let text = '';
  const attached = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stderr.setEncoding('utf8').on('data', (more) => {
      text += more;
      if (/ attached/.test(text)) resolve();
    });
    ended.then(() => reject(new Error(`strace has ended: ${text}`)), reject);
  });
  await within(10_000, 'strace to attach', attached);
  const lines = () => readFileSync(output, 'utf8').split('\n').map((line) => line.replace(/^\d+ +/, '')).filter(Boolean);
  return {
    /** Lets the storefront go, and resolves with the calls that were seen. */
    async detach() {
      child.kill('SIGINT');
      await within(10_000, 'strace to detach', ended);
      return lines();
    },
    /** Resolves with the calls that were seen, once the storefront is gone. */
    async last() {
      await within(10_000, 'strace to end with the storefront', ended);
      return lines();
    },
  };
}

// ---------------------------------------------------------------------------------------------- requests

const TOKENS = '/v2/customers/tokens';

/** A token of a login a minute ago. */
export const oldToken = (who, form = 'compact') => mint(form, claimsFor(who, { age: 60 }));

/**
 * A storefront's API as these suites use it. Each call resolves with the whole answer.
 *
 * Each comes from an address of its own, for a storefront behind a proxy: these suites change more passwords in a
 * second than one source may.
 */
export async function open(storefront, { sockets = 32 } = {}) {
  const { origin } = storefront;
  const agent = new http.Agent({ keepAlive: true, maxSockets: sockets });
  const [page, office] = [await accessToken(origin), await accessToken(origin, BACK_OFFICE)];
  const send = (method, path, token, { bearer = page, body } = {}) => request(origin, {
    method,
    path,
    agent,
    headers: {
      authorization: `Bearer ${bearer}`,
      'x-forwarded-for': newSource(),
      ...(token && { 'x-moltin-customer-token': token }),
      ...(body && { 'content-type': 'application/json' }),
    },
    body,
  });
  return {
    storefront,
    post: (body) => send('POST', TOKENS, undefined, { body }),
    login: (who, password = who.password) => send('POST', TOKENS, undefined, { body: loginBody(who.email, password) }),
    logout: (token) => send('DELETE', TOKENS, token),
    everywhere: (who, token) => send('DELETE', `/v2/customers/${who.id}/tokens`, token),
    everywhereByStore: (who) => send('DELETE', `/v2/customers/${who.id}/tokens`, undefined, { bearer: office }),
    password: (who, token, password) =>
      send('PUT', `/v2/customers/${who.id}`, token, { body: JSON.stringify({ data: { type: 'customer', password } }) }),
    remove: (who) => send('DELETE', `/v2/customers/${who.id}`, undefined, { bearer: office }),
    get: (path, token) => send('GET', path, token),
    record: (who) => send('GET', `/v2/customers/${who.id}`, undefined, { bearer: office }),
    /** 200 for a valid token, 403 for one that is not, 503 when that can't be told. */
    status: async (token) => (await send('GET', '/v2/orders?page[limit]=1', token)).status,
    statuses(tokens) { return Promise.all(tokens.map((token) => this.status(token))); },
    close: () => agent.destroy(),
  };
}

/** A secret that was never used before. */
export const newPassword = () => `new ${randomUUID()}`;

/** Two tokens of one customer, in both forms. */
export const tokensOf = (who) => FORMS.map((form) => oldToken(who, form));

// ---------------------------------------------------------------------------------------------- changes

/** Nothing of a change is there, or all of it. Half of it is neither. */
export const NEITHER = 'neither';
export const WHOLE = 'whole';

/** A change that ends tokens of a customer. `body` is that of the login which links. */
export function changeOf(kind, who, body) {
  const ends = tokensOf(who);
  const password = newPassword();
  const send = {
    logout: (shop) => shop.logout(ends[0]),
    everywhere: (shop) => shop.everywhere(who, ends[0]),
    everywhereByStore: (shop) => shop.everywhereByStore(who),
    password: (shop) => shop.password(who, ends[0], password),
    link: (shop) => shop.post(body),
    deletion: (shop) => shop.remove(who),
  }[kind];
  // Statuses of the customer's tokens and of what follows from the change, before and after it.
  const [before, after] = {
    logout: [[200, 200], [403, 200]],
    everywhere: [[200, 200], [403, 403]],
    everywhereByStore: [[200, 200], [403, 403]],
    password: [[200, 200, 200, 403], [403, 403, 403, 200]],
    link: [[200, 200, 200], [403, 403, 403]],
    deletion: [[200, 200, 200], [403, 403, 404]],
  }[kind];
  const outcome = async (shop) => {
    const found = await shop.statuses(ends);
    if (kind === 'password') found.push((await shop.login(who)).status, (await shop.login(who, password)).status);
    if (kind === 'link') found.push((await shop.login(who)).status);
    if (kind === 'deletion') found.push((await shop.record(who)).status);
    if (String(found) === String(before)) return NEITHER;
    assert.deepEqual(found, after, `half of a ${kind}`);
    return WHOLE;
  };
  return { kind, who, password, ends, send, outcome, status: ['password', 'link'].includes(kind) ? 200 : 204 };
}
