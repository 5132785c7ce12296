// What opens a customer's data, and what does not.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  LESLIE, NOBODY, NOT_FOUND, OTHER_FORM, RON, TOKEN_EXPIRED, TOKEN_INVALID, TOKEN_MISSING, claimsFor, everyClient,
  mint, refused, startRecorder, startStorefront, tokenOf,
} from './support.mjs';

const replaceAt = (text, index, letter) => text.slice(0, index) + letter + text.slice(index + 1);
const otherThan = (letter, choices) => [...choices].find((choice) => choice !== letter);

everyClient(({ sdk, form }) => describe(`customer tokens, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  const OWN = `GET /v2/customers/${RON.id}`;
  let storefront, recorder, shop, token;
  before(async () => {
    storefront = await startStorefront({ form });
    recorder = await startRecorder(storefront.origin);
    shop = sdk.shop(recorder.host);
    token = await tokenOf(shop, RON);
    recorder.taken();
  });
  afterEach(() => recorder.taken());
  after(async () => {
    await recorder.stop();
    await storefront.stop();
  });

  test('a token made by hand with the same secret opens the data, in both forms', async () => {
    for (const spelling of [form, OTHER_FORM[form]]) {
      const { data } = await shop.Customers.Get(RON.id, mint(spelling, claimsFor(RON)));
      assert.equal(data.id, RON.id);
    }
  });

  test('an expired token is refused once, in both forms, and said to have expired', async () => {
    for (const spelling of [form, OTHER_FORM[form]]) {
      const expired = mint(spelling, claimsFor(RON, { age: 86_401 }));
      await refused(shop.Customers.Get(RON.id, expired), TOKEN_EXPIRED);
      assert.deepEqual(recorder.taken(), [`${OWN} 403`]);
    }
  });

  test('a token is refused in the very second of its expiry', async () => {
    await refused(shop.Customers.Get(RON.id, mint(form, claimsFor(RON, { age: 60, lifetime: 60 }))), TOKEN_EXPIRED);
  });

  test('a tampered token is refused once, whatever was changed', async () => {
    const [header, claims, signature] = token.split('.');
    const alphabet = form === 'legacy' ? '0123456789abcdef' : 'AQgw';
    const other = Buffer.from(JSON.stringify({ ...claimsFor(RON), sub: LESLIE.id }));
    const variants = {
      'another customer in the claims': [header, other.toString(form === 'legacy' ? 'base64' : 'base64url'), signature],
      'one letter of the claims': [header, replaceAt(claims, 9, otherThan(claims[9], 'xyzw')), signature],
      'one letter of the signature': [header, claims, replaceAt(signature, 0, otherThan(signature[0], alphabet))],
      'the last letter of the signature': [header, claims, replaceAt(signature, signature.length - 1, otherThan(signature.at(-1), alphabet))],
      'no signature': [header, claims, ''],
      'half a signature': [header, claims, signature.slice(0, signature.length / 2)],
      'no algorithm': [Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url'), claims, ''],
      'a fourth part': [header, claims, signature, signature],
      'two parts': [header, claims],
    };
    for (const [what, parts] of Object.entries(variants)) {
      await refused(shop.Customers.Get(RON.id, parts.join('.')), TOKEN_INVALID);
      assert.deepEqual(recorder.taken(), [`${OWN} 403`], what);
    }
  });

  test('the signature of one form does not fit the other', async () => {
    const claims = claimsFor(RON);
    const [header, body] = mint(form, claims).split('.');
    const signature = mint(OTHER_FORM[form], claims).split('.')[2];
    await refused(shop.Customers.Get(RON.id, [header, body, signature].join('.')), TOKEN_INVALID);
  });

  test('a token from another key is refused', async () => {
    await refused(shop.Customers.Get(RON.id, mint(form, claimsFor(RON), 'another secret, as long as it needs to be')), TOKEN_INVALID);
  });

  test('a token that lives longer than a day is refused', async () => {
    await refused(shop.Customers.Get(RON.id, mint(form, claimsFor(RON, { lifetime: 86_401 }))), TOKEN_INVALID);
  });

  test('a token from the future is refused', async () => {
    await refused(shop.Customers.Get(RON.id, mint(form, claimsFor(RON, { age: -60 }))), TOKEN_INVALID);
  });

  test('a good token of nobody shows nobody', async () => {
    const nobody = { id: NOBODY, name: 'Nobody' };
    await refused(shop.Customers.Get(RON.id, mint(form, claimsFor(nobody))), NOT_FOUND);
  });

  test('an empty token sends no header and is refused once', async () => {
    for (const empty of ['', undefined, null]) {
      await refused(shop.Customers.Get(RON.id, empty), TOKEN_MISSING);
      const [asked, ...more] = recorder.takenWhole();
      assert.deepEqual(more, []);
      assert.equal(asked.headers['x-moltin-customer-token'], undefined);
    }
  });

  test('two spellings of the header are refused, whichever token stands first', async () => {
    const theirs = await tokenOf(shop, LESLIE);
    for (const [one, other] of [[token, theirs], [theirs, token], [token, token]]) {
      const twice = sdk.shop(recorder.host, { headers: { 'x-moltin-customer-token': one } });
      await twice.Authenticate();
      recorder.taken();
      await refused(twice.Customers.Get(RON.id, other), TOKEN_INVALID);
      const [asked, ...more] = recorder.takenWhole();
      assert.deepEqual(more, []);
      assert.equal(asked.headers['x-moltin-customer-token'].split(', ').length, 2);
    }
  });
}));
