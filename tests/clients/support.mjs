// What the suites share: the storefront as a process of its own, a recorder that stands in front of it, the SDKs,
// and customer tokens made by hand.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.env.STOREFRONT_BIN ?? path.join(root, 'target/release/storefront');
// Where the folders go; a runner that names it also finds there the ids of the processes that it may have to stop.
const scratch = process.env.STOREFRONT_SCRATCH;

// The SDKs tell on the console that they have no access token yet.
console.info = () => {};

export const SECRET = 'a secret for the clients suites only, 48 bytes..';
export const FORMS = ['compact', 'legacy'];
export const OTHER_FORM = { compact: 'legacy', legacy: 'compact' };
export const NOBODY = '00000000-0000-4000-8000-000000000000';

export const RON = {
  id: '79cc0486-bbdf-491b-a0a2-722383b6288b',
  name: 'Ron Swanson',
  email: 'ron@swanson.com',
  password: 'mysecretpassword',
};
export const LESLIE = {
  id: 'be076eb9-689e-4cfe-8299-8489f99a14e6',
  name: 'Leslie Knope',
  email: 'leslie@pawnee.gov',
  password: 'waffles-and-work',
};
/** What starts a storefront that takes the address of a client from `X-Forwarded-For`. */
export const BEHIND_A_PROXY = { STOREFRONT_TRUSTED_HOPS: '1' };
let sources = 0;
/** An address that no other request has come from (RFC 1918). */
export function newSource() {
  sources += 1;
  return `10.${sources >> 16}.${(sources >> 8) & 255}.${sources & 255}`;
}

export const BACK_OFFICE = { client_id: 'storefront', client_secret: 'storefront-secret' };

// ---------------------------------------------------------------------------------------------- the storefront

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A folder for one storefront; `remove` it at the end. */
export function freshFolder() {
  const folder = mkdtempSync(path.join(scratch ?? tmpdir(), 'storefront-'));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts a storefront on a port of the system's choice, and resolves once it listens. `env` has further variables. */
export async function startStorefront({ form = 'compact', folder, secret = SECRET, env = {} } = {}) {
  const own = folder ? undefined : freshFolder();
  const cwd = (folder ?? own).path;
  const child = spawn(binary, {
    cwd,
    env: {
      PATH: process.env.PATH,
      STOREFRONT_ADDR: '127.0.0.1:0',
      STOREFRONT_DB: path.join(cwd, 'storefront.sqlite3'),
      STOREFRONT_SECRET: secret,
      STOREFRONT_TOKEN_FORM: form,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  exited.catch(() => {});
  running.add(child);
  const pidFile = scratch && path.join(scratch, `storefront-${child.pid}.pid`);
  if (pidFile) writeFileSync(pidFile, `${child.pid}\n`);
  exited.finally(() => {
    running.delete(child);
    if (pidFile) rmSync(pidFile, { force: true });
  }).catch(() => {});

  const errors = [];
  readline.createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const lines = [];
  const output = readline.createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  const first = await within(30_000, 'the storefront to listen', Promise.race([
    once(output, 'line').then(([line]) => line),
    exited.then((how) => assert.fail(`the storefront ended with ${JSON.stringify(how)}:\n${errors.join('\n')}`)),
  ]));
  const [, origin, host] = /^listening on (http:\/\/(127\.0\.0\.1:\d+))$/.exec(first) ?? assert.fail(`first line: ${first}`);

  const end = async (signal) => {
    child.kill(signal);
    return within(15_000, `the storefront to end on ${signal}`, exited);
  };
  return {
    origin,
    host,
    lines,
    /** What it wrote to standard error. */
    errors,
    pid: child.pid,
    folder: cwd,
    /** Asks it to stop; it must end by itself, with success. */
    async stop() {
      const how = await end('SIGTERM');
      own?.remove();
      assert.deepEqual(how, { code: 0, signal: null }, errors.join('\n'));
    },
    kill: () => end('SIGKILL'),
  };
}

/** Fails when `promise` has not settled after `ms`: nothing may hang. */
export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---------------------------------------------------------------------------------------------- raw HTTP

/** One request, spelled exactly as given; resolves with status, headers, text, and the JSON if it is some. */
export function request(origin, { method = 'GET', path = '/', headers = {}, body, agent = false, ms = 20_000 }) {
  return new Promise((resolve, reject) => {
    // Node would send the body of a DELETE without saying where it ends.
    const framed = body === undefined ? headers : { 'content-length': Buffer.byteLength(body), ...headers };
    const signal = AbortSignal.timeout(ms);
    const sent = http.request(origin, { method, path, headers: framed, agent, signal }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode, headers: answer.headers, text, get json() { return JSON.parse(text); } });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** An access token, as a form: `X` alone may register and log in; with a secret everything is allowed. */
export async function accessToken(origin, client = { client_id: 'X' }) {
  const grant_type = client.client_secret ? 'client_credentials' : 'implicit';
  const answer = await request(origin, {
    method: 'POST',
    path: '/oauth/access_token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type, ...client }).toString(),
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.access_token;
}

/** The body of a password login. */
export function loginBody(email, password) {
  return JSON.stringify({ data: { type: 'token', authentication_mechanism: 'password', email, password } });
}

/** A server that passes each request on, unchanged, and keeps what it saw. */
export async function startRecorder(origin) {
  const seen = [];
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer(async (asked, answer) => {
    const entry = { method: asked.method, url: asked.url, headers: asked.headers, body: '', status: undefined };
    seen.push(entry);
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    entry.body = body.toString();
    const passed = http.request(origin, { agent, method: asked.method, path: asked.url, headers: asked.rawHeaders });
    passed.once('response', (theirs) => {
      entry.status = theirs.statusCode;
      answer.writeHead(theirs.statusCode, theirs.rawHeaders);
      theirs.pipe(answer);
    });
    passed.once('error', () => answer.destroy());
    passed.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${server.address().port}`;
  return {
    host,
    origin: `http://${host}`,
    /** What came since the last call, one line a request: `POST /v2/customers/tokens 403`. */
    taken: () => seen.splice(0).map(({ method, url, status }) => `${method} ${url} ${status}`),
    /** The same with headers and body. */
    takenWhole: () => seen.splice(0),
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

// ---------------------------------------------------------------------------------------------- the SDKs

const packages = ['moltin-sdk-36', 'moltin-sdk-25', '@elasticpath/js-sdk'];

/** The three packages, as installed. */
export const SDKS = packages.map((folder) => {
  const { name, version } = require(`${folder}/package.json`);
  const { gateway, MemoryStorageFactory } = require(folder);
  return {
    name: `${name} ${version}`,
    /** A shop at `host`; `client_id` X unless told, and its access token kept in memory. */
    shop: (host, options = {}) =>
      gateway({ client_id: 'X', host, protocol: 'http', storage: new MemoryStorageFactory(), ...options }),
  };
});

/** Calls `suite({ sdk, form })` for every package in both token forms. */
export function everyClient(suite) {
  for (const form of FORMS) for (const sdk of SDKS) suite({ sdk, form });
}

/** Logs in, and resolves with the token's text. */
export async function tokenOf(shop, customer) {
  return (await shop.Customers.TokenViaPassword(customer.email, customer.password)).data.token;
}

/** What `promise` rejects with; fails when it resolves. */
export function rejection(promise) {
  return promise.then((value) => assert.fail(`resolved with ${JSON.stringify(value)}`), (reason) => {
    if (reason instanceof Error) throw reason;
    return reason;
  });
}

const refusal = (status, title, detail) => ({ errors: [{ status, title, detail }] });
export const WRONG_CREDENTIALS = refusal(403, 'Forbidden', 'The credentials are not valid');
export const TOKEN_MISSING = refusal(403, 'Forbidden', 'A customer token is required');
export const TOKEN_INVALID = refusal(403, 'Forbidden', 'The customer token is invalid');
export const TOKEN_EXPIRED = refusal(403, 'Forbidden', 'The customer token has expired');
export const NOT_FOUND = refusal(404, 'Not Found', 'there is no such resource');

/** Asserts that `promise` rejects with exactly `expected`. */
export async function refused(promise, expected) {
  assert.deepEqual(await rejection(promise), expected);
}

/** Asserts that `body` is an error document of `status` with one error for each of `sources`, or a single one without. */
export function assertErrors(body, status, sources = [undefined]) {
  const shape = body.errors.map((error) => ({
    status: error.status,
    source: error.source,
    texts: [typeof error.title, typeof error.detail],
    members: Object.keys(error).sort().join(),
  }));
  const expected = sources.map((source) => ({
    status,
    source,
    texts: ['string', 'string'],
    members: source === undefined ? 'detail,status,title' : 'detail,source,status,title',
  }));
  const bySource = (a, b) => String(a.source).localeCompare(String(b.source));
  assert.deepEqual(shape.sort(bySource), expected.sort(bySource));
  assert.deepEqual(Object.keys(body), ['errors']);
}

// ---------------------------------------------------------------------------------------------- customer tokens

const LEGACY_HEADER = 'eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9';
const COMPACT_HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

/** The claims of a token for `customer`, issued `age` seconds ago for `lifetime` seconds. */
export function claimsFor(customer, { age = 0, lifetime = 86_400 } = {}) {
  const iat = Math.floor(Date.now() / 1000) - age;
  return { sub: customer.id, name: customer.name, exp: iat + lifetime, iat, jti: randomUUID() };
}

/** Signs `claims` in the given form, as the storefront does. */
export function mint(form, claims, secret = SECRET) {
  const [header, encoding, signature] =
    form === 'legacy' ? [LEGACY_HEADER, 'base64', 'hex'] : [COMPACT_HEADER, 'base64url', 'base64url'];
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString(encoding)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest(signature)}`;
}

/** The claims of a token, unverified. */
export function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64').toString());
}
