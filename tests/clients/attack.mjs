// Honest customers who sign in once a second, beside attackers. `attackers.mjs` is the process of the attackers.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { addCustomers, customer, databaseOf } from './durability.mjs';
import { newPkce, oidcBody, oidcEnv, startProvider } from './provider.mjs';
import { RON, accessToken, freshFolder, loginBody, request, startStorefront, within } from './support.mjs';

const attackers = fileURLToPath(new URL('attackers.mjs', import.meta.url));
const REDIRECT = 'https://shop.example/oauth2/callback';
const CLIENT = { client_id: 'shop', client_secret: 'the secret of the shop', redirect_uris: [REDIRECT] };

export const HONEST = 10;
/** The attackers' own accounts come after those of the honest customers. */
const OWN = 64;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export const percentile = (times, share) => [...times].sort((a, b) => a - b)[Math.ceil(times.length * share) - 1];

/** The address of an honest customer (RFC 5737: for documentation). */
const addressOf = (number) => `203.0.113.${number + 1}`;

/** The processor time that the threads of a process have used, in seconds: those that hash, and all others. */
function cpuOf(pid) {
  const used = { hash: 0, other: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
    const fields = rest.split(' ');
    used[name === 'password-hash' ? 'hash' : 'other'] += (Number(fields[11]) + Number(fields[12])) / 100;
  }
  return used;
}

/** A folder with a database of honest customers and attackers, whose password is Ron's, and the provider of the store. */
export async function prepare() {
  const folder = freshFolder();
  const provider = await startProvider({ clients: [CLIENT] });
  const storefront = await startStorefront({ folder });
  await addCustomers(databaseOf(folder), 'honest', 0, HONEST);
  await addCustomers(databaseOf(folder), 'attacker', HONEST, OWN);
  await storefront.stop();
  return {
    folder,
    provider,
    async remove() {
      await provider.stop();
      folder.remove();
    },
  };
}

/** Signs honest customers in at the provider, and resolves with what they post to the store. */
async function codes(provider, count) {
  const bodies = [];
  for (let at = 0; at < count; at += HONEST) {
    bodies.push(...await Promise.all(Array.from({ length: HONEST }, async (_, number) => {
      const { verifier, challenge } = newPkce();
      const login = `honest-${number}`;
      const code = await provider.signIn({ clientId: CLIENT.client_id, redirectUri: REDIRECT, login, challenge });
      return oidcBody({ code, redirectUri: REDIRECT, verifier });
    })));
  }
  return bodies;
}

/**
 * Starts attackers in a process with the lowest priority: the storefront is to be measured, not they. With
 * `ATTACK_NICENESS=0`, they take all that the storefront does not need for itself, and it answers as fast as it can.
 */
async function startAttackers(message) {
  const child = fork(attackers);
  os.setPriority(child.pid, Number(process.env.ATTACK_NICENESS ?? 19));
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  const answer = async () => (await within(60_000, 'the attackers', once(child, 'message')))[0];
  child.send(message);
  await answer();
  const ask = (command) => {
    child.send(command);
    return answer();
  };
  return {
    start: () => ask('start'),
    counts: () => ask('counts'),
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/**
 * Measures one attack, on a storefront that was started for it.
 *
 * - `attack`: `none`, `account` (one honest customer's), `accounts`, `queue` or `provider`.
 * - `sources` and `connections`: how many sources attack, each with how many connections.
 * - `isKnown`: whether the honest customers have signed in before from where they are.
 */
export async function measure({ folder, provider }, { attack, sources = 0, connections = 0, seconds, isKnown = true, honest = HONEST }) {
  const byProvider = attack === 'provider';
  const env = oidcEnv(provider, CLIENT, { STOREFRONT_TRUSTED_HOPS: '1' });
  const storefront = await startStorefront({ folder, env });
  const bearer = await accessToken(storefront.origin);
  const agent = new http.Agent({ keepAlive: true });
  const bodyOf = (number) => loginBody(customer(number).email, RON.password);
  const signIn = async (number, body) => {
    const begun = performance.now();
    const { status } = await request(storefront.origin, {
      method: 'POST',
      path: '/v2/customers/tokens',
      agent,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'x-forwarded-for': addressOf(number) },
      body,
    });
    return { status, took: performance.now() - begun };
  };

  if (isKnown) {
    for (let number = 0; number < honest; number += 1) {
      const { status } = await signIn(number, bodyOf(number));
      assert.equal(status, 200);
    }
  }
  const bodies = byProvider ? await codes(provider, honest * seconds) : [];
  const asked = byProvider ? await provider.tokenRequests() : 0;

  const { hostname: host, port } = new URL(storefront.origin);
  const what = {
    kind: attack,
    email: customer(0).email,
    emails: Array.from({ length: honest }, (_, number) => customer(number).email),
    own: Array.from({ length: OWN }, (_, at) => ({ email: customer(HONEST + at).email, password: RON.password })),
    redirectUri: REDIRECT,
    verifier: newPkce().verifier,
  };
  const attacker = sources > 0
    ? await startAttackers({ host, port: Number(port), bearer, sources, connections, attack: what })
    : undefined;

  const before = await attacker?.start();
  const begun = performance.now();
  const cpu = cpuOf(storefront.pid);
  const answers = [];
  await Promise.all(Array.from({ length: honest }, async (_, number) => {
    for (let second = 0; second < seconds; second += 1) {
      // Spread over the second.
      const at = (second + number / honest) * 1_000;
      await setTimeout(Math.max(0, at - (performance.now() - begun)));
      answers.push(await signIn(number, byProvider ? bodies[second * honest + number] : bodyOf(number)));
    }
  }));
  const left = seconds * 1_000 - (performance.now() - begun);
  if (left > 0) await setTimeout(left);
  const after = await attacker?.counts();
  const took = (performance.now() - begun) / 1_000;
  const used = cpuOf(storefront.pid);
  await attacker?.stop();
  agent.destroy();
  const exchanges = byProvider ? await provider.tokenRequests() - asked : 0;
  await storefront.stop();

  const attacked = (status) => ((after?.statuses[status] ?? 0) - (before?.statuses[status] ?? 0)) / took;
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  const times = answers.filter(({ status }) => status === 200).map((answer) => answer.took);
  const all = [200, 400, 403, 429, 503].map(attacked);
  return {
    attack, sources, connections, isKnown,
    answers: answers.length,
    succeeded: count(200),
    failures: answers.map(({ status }) => status).filter((status) => status !== 200),
    p50: times.length ? percentile(times, 0.5) : NaN,
    p99: times.length ? percentile(times, 0.99) : NaN,
    /** A second, as is all that follows. */
    hashed: byProvider ? 0 : attacked(200) + attacked(403) + (count(200) + count(403)) / took,
    granted: attacked(200) + attacked(403),
    limited: attacked(429),
    shed: attacked(503),
    requests: all.reduce((sum, one) => sum + one, 0),
    exchanges: exchanges / took,
    errors: after?.errors ?? 0,
    /** Cores. */
    cpu: {
      hash: (used.hash - cpu.hash) / took,
      other: (used.other - cpu.other) / took,
      attackers: after ? (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1e6 / took : 0,
    },
  };
}

const COLUMNS = [
  ['attack', 9, (cell) => cell.attack],
  ['sources', 8, (cell) => cell.sources],
  ['each', 5, (cell) => cell.connections],
  ['known', 6, (cell) => (cell.isKnown ? 'yes' : 'no')],
  ['honest', 8, (cell) => `${cell.succeeded}/${cell.answers}`],
  ['p50 ms', 8, (cell) => cell.p50.toFixed(0)],
  ['p99 ms', 8, (cell) => cell.p99.toFixed(0)],
  ['hashed/s', 9, (cell) => cell.hashed.toFixed(1)],
  ['granted/s', 10, (cell) => cell.granted.toFixed(1)],
  ['429/s', 8, (cell) => cell.limited.toFixed(0)],
  ['503/s', 8, (cell) => cell.shed.toFixed(0)],
  ['asked/s', 8, (cell) => cell.exchanges.toFixed(1)],
  ['cores: hash', 12, (cell) => cell.cpu.hash.toFixed(2)],
  ['other', 6, (cell) => cell.cpu.other.toFixed(2)],
  ['attackers', 10, (cell) => cell.cpu.attackers.toFixed(2)],
];

export const HEAD = COLUMNS.map(([name, width]) => name.padStart(width)).join('');
export const row = (cell) => COLUMNS.map(([, width, of]) => String(of(cell)).padStart(width)).join('')
  + (cell.failures.length ? `  failed: ${[...new Set(cell.failures)].join()}` : '');
