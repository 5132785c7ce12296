// Customer tokens signed by a private key: `jose` verifies them by the keys that the storefront publishes.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  calculateJwkThumbprint, createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, jwtVerify,
} from 'jose';
import { RON, SDKS, TOKEN_INVALID, freshFolder, refused, request, startStorefront, tokenOf } from './support.mjs';

const [sdk] = SDKS;

for (const [alg, kind, options] of [
  ['ES256', 'ec', { namedCurve: 'P-256' }],
  ['EdDSA', 'ed25519', {}],
  ['RS256', 'rsa', { modulusLength: 2048 }],
]) describe(`published keys, ${alg}`, { timeout: 60_000 }, () => {
  const publicKeyEncoding = { type: 'spki', format: 'pem' };
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const newKey = () => generateKeyPairSync(kind, { ...options, publicKeyEncoding, privateKeyEncoding }).privateKey;
  let folder, storefront, shop;
  const start = async () => {
    const file = path.join(folder.path, 'key.pem');
    storefront = await startStorefront({ folder, secret: '', env: { STOREFRONT_SIGNING_KEY: file } });
    shop = sdk.shop(storefront.host);
  };
  before(async () => {
    folder = freshFolder();
    writeFileSync(path.join(folder.path, 'key.pem'), newKey(), { mode: 0o600 });
    await start();
  });
  after(async () => {
    await storefront.stop();
    folder.remove();
  });
  const published = async () => (await request(storefront.origin, { path: '/.well-known/jwks.json' })).json;

  test('verify a customer token, fetched by jose itself', async () => {
    const token = await tokenOf(shop, RON);
    const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', storefront.origin));
    const { payload, protectedHeader } = await jwtVerify(token, keys, { algorithms: [alg], typ: 'JWT' });
    const { iat, jti } = payload;
    assert.deepEqual(payload, { sub: RON.id, name: RON.name, exp: iat + 86_400, iat, jti });
    assert.deepEqual(Object.keys(protectedHeader), ['alg', 'typ', 'kid']);
    assert.equal((await shop.Customers.Get(RON.id, token)).data.id, RON.id);
  });

  test('are public, one, and named by their thumbprint', async () => {
    const { keys: [key, ...more] } = await published();
    assert.deepEqual(more, []);
    const numbers = { ES256: ['crv', 'x', 'y'], EdDSA: ['crv', 'x'], RS256: ['e', 'n'] }[alg];
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'kid', 'kty', 'use', ...numbers].sort());
    assert.deepEqual([key.alg, key.use, key.kid], [alg, 'sig', await calculateJwkThumbprint(key)]);
    assert.equal(decodeProtectedHeader(await tokenOf(shop, RON)).kid, key.kid);
  });

  test('verify no token whose claims were changed, and none of another key', async () => {
    const [header, , signature] = (await tokenOf(shop, RON)).split('.');
    const claims = { sub: RON.id, exp: 4_102_444_800, iat: 0, jti: 'x' };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    await assert.rejects(jwtVerify(forged, createLocalJWKSet(await published())), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
    await refused(shop.Customers.Get(RON.id, forged), TOKEN_INVALID);
  });

  test('stay the same over a restart, and so do the tokens', async () => {
    const token = await tokenOf(shop, RON);
    const earlier = await published();
    await storefront.stop();
    await start();
    assert.deepEqual(await published(), earlier);
    assert.equal((await shop.Customers.Get(RON.id, token)).data.id, RON.id);

    await storefront.stop();
    writeFileSync(path.join(folder.path, 'key.pem'), newKey());
    await start();
    assert.notDeepEqual(await published(), earlier);
    await refused(shop.Customers.Get(RON.id, token), TOKEN_INVALID);
  });
});
