// An OpenID provider to sign in with: npm `oidc-provider`, which the OpenID Foundation has certified, on loopback and in
// a process of its own, so that it can be killed and stopped for real.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { request, within } from './support.mjs';

const server = fileURLToPath(new URL('provider-server.mjs', import.meta.url));
const scratch = process.env.STOREFRONT_SCRATCH;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

function newKey(alg, number) {
  const [kind, options] = KINDS[alg];
  const key = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' });
  return { ...key, alg, use: 'sig', kid: `${alg}-${number}` };
}

/**
 * Starts a provider on a port that the system chooses, and resolves once it listens.
 *
 * - `clients`: as in dynamic registration, RFC 7591; each needs `client_id` and `redirect_uris`, and has
 *   `token_endpoint_auth_method` and `id_token_signed_response_alg` where the defaults, `client_secret_basic` and
 *   RS256, don't do.
 * - `algs`: what the provider has a key for; by default, all that the clients ask for.
 * - `accounts`: claims by login name. Whoever is not in it has a verified e-mail and a name that follow from the login.
 * - `claimsIn`: whether e-mail and name are in the `id_token`, or come from `userinfo`, as the standard has it.
 *
 * PKCE is required. With a browser, any password opens the account whose name is typed in.
 */
export async function startProvider({ clients, algs, accounts = {}, claimsIn = 'id_token' }) {
  const signed = algs ?? [...new Set(clients.map((client) => client.id_token_signed_response_alg ?? 'RS256'))];
  let made = 1;
  // The first key for an algorithm signs.
  let keys = signed.map((alg) => newKey(alg, made));
  let port = 0;
  let child;

  const start = async () => {
    const begun = fork(server, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let errors = '';
    // It warns about its own development interactions and, on some, about the version of Node.js.
    begun.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
    running.add(begun);
    const pidFile = scratch && path.join(scratch, `provider-${begun.pid}.pid`);
    if (pidFile) writeFileSync(pidFile, `${begun.pid}\n`);
    const exited = once(begun, 'exit').then(([code, signal]) => {
      running.delete(begun);
      if (pidFile) rmSync(pidFile, { force: true });
      return { code, signal };
    });
    begun.send({ port, clients, accounts, claimsIn, keys });
    const [ready] = await within(30_000, 'the provider to listen', Promise.race([
      once(begun, 'message'),
      exited.then((how) => assert.fail(`the provider ended with ${JSON.stringify(how)}:\n${errors}`)),
    ]));
    // From now on this is where it is found, after each restart.
    port = ready.port;
    child = { process: begun, exited };
  };

  let asked = 0;
  const ask = async (command, rest = {}) => {
    const id = asked += 1;
    const { process: to } = child;
    const answer = new Promise((resolve) => {
      const listen = (message) => {
        if (message.id !== id) return;
        to.off('message', listen);
        resolve(message.result);
      };
      to.on('message', listen);
    });
    to.send({ id, command, ...rest });
    return within(10_000, `the provider to answer ${command}`, answer);
  };

  const rotateKeys = (keep) => {
    made += 1;
    keys = [...signed.map((alg) => newKey(alg, made)), ...(keep ? keys : [])];
  };

  const end = async (signal) => {
    child.process.kill(signal);
    return within(10_000, `the provider to end on ${signal}`, child.exited);
  };

  await start();
  const issuer = `http://127.0.0.1:${port}`;
  return {
    issuer,
    /** How many requests came, by path: `/token`, `/jwks`, `/me` (userinfo), `/.well-known/openid-configuration`. A restart forgets. */
    counts: () => ask('counts'),
    /** How many came to the token endpoint. */
    tokenRequests: async () => (await ask('counts'))['/token'] ?? 0,
    /** Makes new keys, which sign from now on; the ones until now stay published, unless `keep` is false. */
    async rotate({ keep = true } = {}) {
      rotateKeys(keep);
      await ask('rotate', { keys });
    },
    /** Ends it at once, with all that it remembers but its keys. */
    kill: () => end('SIGKILL'),
    /** Starts it again after `kill`, where it was; with `rotated`, with new keys alone. */
    async restart({ rotated = false } = {}) {
      if (rotated) rotateKeys(false);
      await start();
    },
    /** Makes it hang: connections are taken, by the system, and nothing is answered. */
    pause: () => child.process.kill('SIGSTOP'),
    resume: () => child.process.kill('SIGCONT'),
    /** Ends it for good, in whatever state it is. */
    stop: () => end('SIGKILL'),
    signIn: (options) => signIn(issuer, options),
  };
}

/** A verifier and its challenge (RFC 7636, S256). */
export function newPkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/**
 * Signs `login` in as a browser would that has never been there, and resolves with the code that would have gone to
 * the redirect URI: the provider's forms for login and consent are filled in, in 8 requests.
 */
async function signIn(issuer, { clientId, redirectUri, login, challenge, scope = 'openid profile email', nonce, state = 's' }) {
  const cookies = new Map();
  const visit = async (url, form) => {
    const { pathname, search } = new URL(url, issuer);
    const answer = await request(issuer, {
      method: form ? 'POST' : 'GET',
      path: pathname + search,
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form && new URLSearchParams(form).toString(),
    });
    for (const cookie of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    return answer;
  };

  const asked = new URL('/auth', issuer);
  const parameters = {
    client_id: clientId, redirect_uri: redirectUri, response_type: 'code', scope, state, nonce,
    code_challenge: challenge, code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) asked.searchParams.set(name, value);

  let url = asked.href;
  for (let hops = 0; hops < 12; hops += 1) {
    let answer = await visit(url);
    if (answer.status === 200) {
      const [, prompt] = /name="prompt" value="(login|consent)"/.exec(answer.text) ?? assert.fail(answer.text);
      answer = await visit(url, prompt === 'login' ? { prompt, login, password: 'any' } : { prompt });
    }
    assert.equal(answer.status, 303, answer.text);
    url = new URL(answer.headers.location, issuer).href;
    if (url.startsWith(`${redirectUri}?`)) {
      const back = Object.fromEntries(new URL(url).searchParams);
      assert.equal(back.state, state, url);
      assert.equal(back.error, undefined, url);
      return back.code;
    }
  }
  return assert.fail(`the provider leads nowhere: ${url}`);
}

/** The variables that tell a storefront of `provider`, and as which client it is registered there. */
export function oidcEnv(provider, client, more = {}) {
  const { client_id, client_secret, token_endpoint_auth_method: method = 'client_secret_basic', redirect_uris } = client;
  return {
    STOREFRONT_OIDC_ISSUER: provider.issuer,
    STOREFRONT_OIDC_CLIENT_ID: client_id,
    STOREFRONT_OIDC_REDIRECT_URI: redirect_uris[0],
    STOREFRONT_OIDC_INSECURE_LOOPBACK: '1',
    ...(client_secret && { STOREFRONT_OIDC_CLIENT_SECRET: client_secret, STOREFRONT_OIDC_AUTH_METHOD: method }),
    ...more,
  };
}

/** The body of a login by OpenID Connect. */
export function oidcBody({ code, redirectUri, verifier }) {
  return JSON.stringify({
    data: {
      type: 'token',
      authentication_mechanism: 'oidc',
      oauth_authorization_code: code,
      oauth_redirect_uri: redirectUri,
      oauth_code_verifier: verifier,
    },
  });
}
