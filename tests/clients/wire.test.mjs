// What browsers and hand-made requests need: preflights, headers on refusals, and JSON whatever goes wrong.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  LESLIE, NOBODY, RON, accessToken, assertErrors, claimsFor, loginBody, mint, request, startStorefront,
} from './support.mjs';

const ORIGIN = 'https://shop.example';
const HEADERS = [
  'authorization', 'content-type', 'x-moltin-application', 'x-moltin-customer-token', 'x-moltin-sdk-language',
  'x-moltin-sdk-version', 'x-moltin-currency', 'x-moltin-language',
];
const CALLS = [
  ['POST', '/oauth/access_token'],
  ['POST', '/v2/customers'],
  ['POST', '/v2/customers/tokens'],
  ['GET', `/v2/customers/${RON.id}`],
  ['PUT', `/v2/customers/${RON.id}`],
  ['DELETE', `/v2/customers/${RON.id}`],
  ['GET', `/v2/customers/${RON.id}/addresses`],
  ['POST', `/v2/customers/${RON.id}/addresses`],
  ['PUT', `/v2/customers/${RON.id}/addresses/${NOBODY}`],
  ['DELETE', `/v2/customers/${RON.id}/addresses/${NOBODY}`],
  ['GET', '/v2/orders'],
  ['GET', `/v2/orders/${NOBODY}`],
  ['GET', '/v2/settings/customer-authentication'],
  ['GET', `/v2/authentication-realms/${NOBODY}/oidc-profiles`],
  ['GET', `/v2/authentication-realms/${NOBODY}/oidc-profiles/${NOBODY}`],
];

describe('on the wire', { timeout: 60_000 }, () => {
  let storefront, bearer, token, authorized;
  before(async () => {
    storefront = await startStorefront();
    bearer = await accessToken(storefront.origin);
    token = mint('compact', claimsFor(RON));
    authorized = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  });
  after(() => storefront.stop());

  const send = (options) => request(storefront.origin, options);
  const login = (options) => send({ method: 'POST', path: '/v2/customers/tokens', headers: authorized, ...options });

  for (const [method, path] of CALLS) {
    test(`a browser may ask for ${method} ${path}`, async () => {
      const { status, headers } = await send({
        method: 'OPTIONS',
        path,
        headers: {
          origin: ORIGIN,
          'access-control-request-method': method,
          'access-control-request-headers': HEADERS.join(','),
        },
      });
      assert.ok([200, 204].includes(status), String(status));
      assert.ok(['*', ORIGIN].includes(headers['access-control-allow-origin']));
      const list = (name) => headers[name].split(',').map((one) => one.trim().toLowerCase());
      // `*` would not cover Authorization.
      assert.deepEqual(HEADERS.filter((header) => !list('access-control-allow-headers').includes(header)), []);
      assert.ok(list('access-control-allow-methods').includes(method.toLowerCase()));
    });
  }

  test('a page may read every answer, the refusals included', async () => {
    const origin = { origin: ORIGIN };
    const answers = {
      200: await login({ headers: { ...authorized, ...origin }, body: loginBody(RON.email, RON.password) }),
      400: await login({ headers: { ...authorized, ...origin }, body: '$' }),
      401: await send({ path: '/v2/orders', headers: origin }),
      403: await send({ path: '/v2/orders', headers: { ...authorized, ...origin } }),
      404: await send({ path: '/v2/nothing', headers: { ...authorized, ...origin } }),
    };
    for (const [status, answer] of Object.entries(answers)) {
      assert.equal(answer.status, Number(status));
      assert.ok(['*', ORIGIN].includes(answer.headers['access-control-allow-origin']), status);
    }
  });

  for (const [what, headers] of Object.entries({
    'no bearer': {},
    'an unknown bearer': { authorization: 'Bearer of-another-server' },
    'an empty bearer': { authorization: 'Bearer ' },
    'another scheme': { authorization: 'Basic c3RvcmVmcm9udDpzdG9yZWZyb250LXNlY3JldA==' },
    'a customer token for a bearer': { authorization: `Bearer ${mint('compact', claimsFor(RON))}` },
  })) {
    test(`${what} is a 401 that names the scheme, at every door`, async () => {
      for (const [method, path] of CALLS.slice(1)) {
        const answer = await send({
          method, path, headers: { 'content-type': 'application/json', 'x-moltin-customer-token': token, ...headers }, body: method === 'GET' ? undefined : '{}',
        });
        assert.equal(answer.status, 401, `${method} ${path}`);
        assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
        assertErrors(answer.json, 401);
        assert.equal(answer.json.errors[0].title, 'Unable to validate access token');
      }
    });
  }

  test('two customer tokens, joined or apart, are refused and none is picked', async () => {
    const theirs = mint('compact', claimsFor(LESLIE));
    for (const value of [`${token}, ${theirs}`, `${token},${token}`, [token, theirs], [token, token]]) {
      const answer = await send({ path: `/v2/customers/${RON.id}`, headers: { ...authorized, 'x-moltin-customer-token': value } });
      assert.equal(answer.status, 403);
      assertErrors(answer.json, 403);
    }
  });

  test('the header\'s name may be spelled in any case', async () => {
    for (const name of ['X-MOLTIN-CUSTOMER-TOKEN', 'X-Moltin-Customer-Token', 'x-moltin-customer-token']) {
      const { status } = await send({ path: `/v2/customers/${RON.id}`, headers: { ...authorized, [name]: token } });
      assert.equal(status, 200, name);
    }
  });

  test('a login says nothing about the customer token and is kept by no cache', async () => {
    const answer = await login({
      headers: { ...authorized, 'x-moltin-customer-token': 'garbage' }, body: loginBody(RON.email, RON.password),
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(answer.headers['content-type'], /^application\/json\b/);
  });

  test('a login without the mechanism means the password', async () => {
    const body = JSON.stringify({ data: { type: 'token', email: RON.email, password: RON.password } });
    assert.equal((await login({ body })).json.data.customer_id, RON.id);
  });

  const bodies = {
    'no body': ['', [undefined]],
    'no JSON': ['{', [undefined]],
    'an array': ['[]', undefined],
    'no data': ['{}', undefined],
    'another type': ['{"data":{"type":"customer","email":"a@b.c","password":"x"}}', ['type']],
    'no type': ['{"data":{"email":"a@b.c","password":"x"}}', ['type']],
    'an unknown mechanism': ['{"data":{"type":"token","authentication_mechanism":"magic"}}', ['authentication_mechanism']],
    'a number for a password': ['{"data":{"type":"token","email":"a@b.c","password":1}}', ['password']],
    'nothing but the type': ['{"data":{"type":"token"}}', ['email', 'password']],
  };
  for (const [what, [body, sources]] of Object.entries(bodies)) {
    test(`a login with ${what} is a 400`, async () => {
      const answer = await login({ body });
      assert.equal(answer.status, 400, answer.text);
      if (sources) assertErrors(answer.json, 400, sources);
      for (const error of answer.json.errors) assert.equal(error.status, 400);
    });
  }

  const fallbacks = {
    'an unknown path': [404, { path: '/v2/nothing' }],
    'the root of the API': [404, { path: '/v2' }],
    'a method that is not served': [405, { method: 'PATCH', path: '/v2/orders' }],
    'a GET of the login': [405, { path: '/v2/customers/tokens' }],
    'a login of 17 KiB': [413, { method: 'POST', path: '/v2/customers/tokens', body: loginBody('a@b.c', 'x'.repeat(17 * 1024)) }],
    'a login as text': [415, { method: 'POST', path: '/v2/customers/tokens', type: 'text/plain', body: loginBody('a@b.c', 'x') }],
    'an address that is no JSON': [400, { method: 'POST', path: `/v2/customers/${RON.id}/addresses`, body: '{"data":' }],
    'a registration that is no JSON': [400, { method: 'POST', path: '/v2/customers', body: '$' }],
    'a grant that does not exist': [400, { method: 'POST', path: '/oauth/access_token', body: 'grant_type=password&client_id=X', sources: ['grant_type'] }],
    'an access token for nothing': [400, { method: 'POST', path: '/oauth/access_token', body: '', sources: ['grant_type'] }],
  };
  for (const [what, [status, { type = 'application/json', sources, ...options }]] of Object.entries(fallbacks)) {
    test(`${what} is a ${status} in JSON`, async () => {
      const answer = await send({ headers: { ...authorized, 'content-type': type, 'x-moltin-customer-token': token }, ...options });
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.headers['content-type'], /^application\/json\b/);
      assertErrors(answer.json, status, sources);
      if (status === 405) assert.ok(answer.headers.allow);
    });
  }

  test('the brackets of a page may be encoded', async () => {
    const headers = { ...authorized, 'x-moltin-customer-token': token };
    const plain = await send({ path: '/v2/orders?page[limit]=20&page[offset]=20&filter=eq(status,complete)', headers });
    const encoded = await send({ path: '/v2/orders?page%5Blimit%5D=20&page%5Boffset%5D=20&filter=eq%28status%2Ccomplete%29', headers });
    assert.equal(plain.status, 200);
    assert.deepEqual(encoded.json.data, plain.json.data);
    assert.deepEqual(encoded.json.meta, plain.json.meta);
  });

  test('a path may end in a slash', async () => {
    assert.equal((await send({ path: '/v2/settings/customer-authentication/', headers: authorized })).status, 200);
  });

  test('no refusal shows the token or the password it refuses', async () => {
    const forged = mint('compact', claimsFor(RON), 'another secret, as long as it needs to be');
    const refused = await send({ path: '/v2/orders', headers: { ...authorized, 'x-moltin-customer-token': forged } });
    const wrong = await login({ body: loginBody(RON.email, 'saxophone-at-midnight') });
    const whole = [refused, wrong].map(({ headers, text }) => JSON.stringify(headers) + text).join();
    for (const secret of [forged, forged.split('.')[2], 'saxophone-at-midnight', RON.email]) assert.ok(!whole.includes(secret));
  });
});
