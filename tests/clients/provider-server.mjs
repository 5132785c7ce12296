// The process behind `provider.mjs`: npm `oidc-provider`, told by its parent how it is to be and when its keys change.
// It ends with its parent.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import Provider from 'oidc-provider';

/** What the provider remembers, outside of its instances: a rotation makes a new one. */
class Memory {
  static kept = new Map();

  constructor(model) { this.model = model; }
  #key(id) { return `${this.model} ${id}`; }
  #search(matches) { return [...Memory.kept.values()].find(matches); }

  async upsert(id, payload) { Memory.kept.set(this.#key(id), payload); }
  async find(id) { return Memory.kept.get(this.#key(id)); }
  async findByUid(uid) { return this.#search((payload) => payload.kind === this.model && payload.uid === uid); }
  async findByUserCode(code) { return this.#search((payload) => payload.kind === this.model && payload.userCode === code); }
  async destroy(id) { Memory.kept.delete(this.#key(id)); }
  async consume(id) { Memory.kept.get(this.#key(id)).consumed = Math.floor(Date.now() / 1000); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of Memory.kept) if (payload.grantId === grantId) Memory.kept.delete(key);
  }
}

/** Whoever signs in exists; what is known of them is in `accounts`, or follows from the name. */
function accountOf(accounts, id) {
  const claims = accounts[id] ?? { email: `${id}@provider.example`, email_verified: true, name: `The one called ${id}` };
  return { accountId: id, claims: () => ({ sub: id, ...claims }) };
}

function newProvider(issuer, { clients, accounts, claimsIn }, keys) {
  return new Provider(issuer, {
    adapter: Memory,
    clients,
    jwks: { keys },
    findAccount: (_, id) => accountOf(accounts, id),
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    // As the standard has it, claims come from userinfo where there is an access token for it.
    conformIdTokenClaims: claimsIn === 'userinfo',
    pkce: { required: () => true },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['a key of this fixture alone'] },
    ttl: { AccessToken: 600, AuthorizationCode: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
}

process.once('disconnect', () => process.exit());
const [settings] = await once(process, 'message');

/** Listens on `port`, or on a free one that the system gives to nobody by itself, so that it is free after a restart. */
async function listen(server, port) {
  for (;;) {
    server.listen(port || randomInt(20_000, 32_000), '127.0.0.1');
    try {
      await once(server, 'listening');
      return server.address().port;
    } catch (error) {
      if (port || error.code !== 'EADDRINUSE') throw error;
    }
  }
}

const server = http.createServer();
const port = await listen(server, settings.port);
const issuer = `http://127.0.0.1:${port}`;

const counts = {};
let answer = newProvider(issuer, settings, settings.keys).callback();
server.on('request', (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  // Each sign-in has paths of its own.
  const path = pathname.replace(/^\/(auth|interaction)\/.*/, '/$1');
  counts[path] = (counts[path] ?? 0) + 1;
  answer(request, response);
});

const commands = {
  counts: () => counts,
  rotate({ keys }) {
    // One instance has one set of keys: the next one takes over between two requests, with the same memory.
    answer = newProvider(issuer, settings, keys).callback();
  },
};
process.on('message', async ({ id, command, ...rest }) => process.send({ id, result: commands[command](rest) ?? null }));
process.send({ port });
