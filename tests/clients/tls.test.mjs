// The storefront's own HTTP client believes a provider by its certificate alone: a real TLS server, with good and bad
// ones. What it thinks is asked for by the profile, whose link comes from the provider's metadata.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { accessToken, freshFolder, request, startStorefront } from './support.mjs';

const folder = freshFolder();
const at = (name) => path.join(folder.path, name);
const openssl = (...args) => execFileSync('openssl', args, { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] });
const servers = [];

before(() => {
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('serial'), '01');
  const named = '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n';
  writeFileSync(at('ca.cnf'), `${named}unique_subject=no\n[any]\ncommonName=supplied\n`);
  for (const authority of ['ours', 'strangers']) {
    newKey(authority);
    openssl('req', '-x509', '-new', '-key', `${authority}.key`, '-subj', `/CN=${authority}`, '-days', '2', '-out', `${authority}.pem`);
  }
});

after(() => {
  servers.forEach((server) => server.close());
  folder.remove();
});

function newKey(name) {
  openssl('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', `${name}.key`);
}

/** A certificate by one of the authorities, from a day to a day (`YYYYMMDD`). */
function certificate({ name, by = 'ours', host = 'localhost', from = '20200101', to = '20491231' }) {
  newKey(name);
  writeFileSync(at(`${name}.ext`), `subjectAltName=DNS:${host}\n`);
  openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${host}`, '-out', `${name}.csr`);
  const times = ['-startdate', `${from}000000Z`, '-enddate', `${to}000000Z`];
  const signer = ['-cert', `${by}.pem`, '-keyfile', `${by}.key`];
  openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...signer, ...times, '-extfile', `${name}.ext`, '-in', `${name}.csr`, '-out', `${name}.crt`);
  return { key: readFileSync(at(`${name}.key`)), cert: readFileSync(at(`${name}.crt`)) };
}

/** A provider that has metadata and keys, and nothing else. */
async function startProvider(options) {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const server = https.createServer(certificate(options), (request, response) => {
    const issuer = `https://localhost:${server.address().port}`;
    const answer = {
      '/.well-known/openid-configuration': {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
      },
      '/jwks': { keys: [{ ...jwk, kid: 'k1', use: 'sig' }] },
    }[request.url];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `https://localhost:${server.address().port}`;
}

/** What the profile says, in a storefront that trusts our authority: the status, and the link. */
async function asked(issuer) {
  const shop = await startStorefront({
    env: {
      SSL_CERT_FILE: at('ours.pem'),
      STOREFRONT_OIDC_ISSUER: issuer,
      STOREFRONT_OIDC_CLIENT_ID: 'shop',
      STOREFRONT_OIDC_REDIRECT_URI: 'https://shop.example/',
    },
  });
  try {
    const authorization = `Bearer ${await accessToken(shop.origin)}`;
    const get = async (path) => {
      const answer = await request(shop.origin, { path, headers: { authorization } });
      return { status: answer.status, body: answer.json };
    };
    const settings = await get('/v2/settings/customer-authentication');
    const realm = settings.body.data.relationships['authentication-realm'].data.id;
    const profiles = `/v2/authentication-realms/${realm}/oidc-profiles`;
    const list = await get(profiles);
    const { status, body } = await get(`${profiles}/${list.body.data[0].id}`);
    return { status, link: body.links?.['authorization-endpoint'] };
  } finally {
    await shop.stop();
  }
}

test('a provider with a certificate of a trusted authority is believed', async () => {
  const issuer = await startProvider({ name: 'good' });
  assert.deepEqual(await asked(issuer), { status: 200, link: `${issuer}/auth` });
});

for (const [what, options] of [
  ['an expired certificate', { name: 'expired', to: '20200102' }],
  ['a certificate that is not valid yet', { name: 'early', from: '20490101' }],
  ["another host's certificate", { name: 'elsewhere', host: 'id.example' }],
  ['a certificate of an authority that nobody trusts', { name: 'untrusted', by: 'strangers' }],
]) {
  test(`a provider with ${what} is one that can't be reached`, async () => {
    assert.deepEqual(await asked(await startProvider(options)), { status: 503, link: undefined });
  });
}
