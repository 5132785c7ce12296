// Registration, and a customer's own record, through the SDKs.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  BACK_OFFICE, LESLIE, NOBODY, NOT_FOUND, RON, TOKEN_INVALID, TOKEN_MISSING, WRONG_CREDENTIALS, assertErrors,
  everyClient, refused, rejection, startRecorder, startStorefront, tokenOf,
} from './support.mjs';

let count = 0;
const newcomer = () => ({ name: 'April Ludgate', email: `april.${count += 1}@pawnee.gov`, password: 'i hate everything' });

everyClient(({ sdk, form }) => describe(`customers, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront, recorder, shop, office;
  before(async () => {
    storefront = await startStorefront({ form });
    recorder = await startRecorder(storefront.origin);
    shop = sdk.shop(recorder.host);
    office = sdk.shop(recorder.host, BACK_OFFICE);
    await shop.Authenticate();
    await office.Authenticate();
  });
  afterEach(() => recorder.taken());
  after(async () => {
    await recorder.stop();
    await storefront.stop();
  });

  const register = async (person = newcomer()) => {
    const { data } = await shop.Customers.Create({ type: 'customer', ...person });
    return { ...person, id: data.id, record: data };
  };

  test('registers one, who can log in at once', async () => {
    recorder.taken();
    const person = await register();
    assert.deepEqual(recorder.taken(), ['POST /v2/customers 201']);
    const { meta } = person.record;
    assert.deepEqual(person.record, {
      type: 'customer', id: person.id, name: person.name, email: person.email, external_ref: null, password: true, meta,
    });
    assert.ok(Number.isFinite(Date.parse(meta.timestamps.created_at)) && Number.isFinite(Date.parse(meta.timestamps.updated_at)));
    const token = await tokenOf(shop, person);
    assert.deepEqual((await shop.Customers.Get(person.id, token)).data, person.record);
    assert.deepEqual((await shop.CustomerAddresses.All({ customer: person.id, token })).data, []);
    assert.deepEqual((await shop.Orders.All(token)).data, []);
  });

  test('refuses to register an e-mail twice, whatever its case', async () => {
    for (const email of [RON.email, 'RON@Swanson.COM']) {
      recorder.taken();
      const body = await rejection(shop.Customers.Create({ type: 'customer', name: 'Duke Silver', email, password: 'saxophone' }));
      assertErrors(body, 409, ['email']);
      assert.deepEqual(recorder.taken(), ['POST /v2/customers 409']);
    }
    assert.equal((await shop.Customers.Get(RON.id, await tokenOf(shop, RON))).data.name, RON.name);
  });

  test('lets one of two that register the same e-mail at once in', async () => {
    const person = newcomer();
    const tries = await Promise.allSettled([1, 2, 3, 4].map(() => shop.Customers.Create({ type: 'customer', ...person })));
    const outcomes = tries.map((one) => one.value ? 'created' : one.reason.errors[0].status);
    assert.deepEqual(outcomes.sort(), [409, 409, 409, 'created']);
  });

  test('names each field of a registration that is missing or bad', async () => {
    const create = (fields) => rejection(shop.Customers.Create({ type: 'customer', ...fields }));
    assertErrors(await create({ password: 'long enough' }), 400, ['email', 'name']);
    assertErrors(await create({ ...newcomer(), email: 'no address' }), 400, ['email']);
    assertErrors(await create({ ...newcomer(), password: 'short' }), 400, ['password']);
  });

  test('gets the customer\'s own record', async () => {
    const { data } = await shop.Customers.Get(RON.id, await tokenOf(shop, RON));
    const { meta } = data;
    assert.deepEqual(data, {
      type: 'customer', id: RON.id, name: RON.name, email: RON.email, external_ref: null, password: true, meta,
    });
  });

  test('updates only what is named, and the record says so afterwards', async () => {
    const person = await register();
    const token = await tokenOf(shop, person);
    const { data } = await shop.Customers.Update(person.id, { name: 'Janet Snakehole' }, token);
    const { meta } = data;
    assert.deepEqual(data, { ...person.record, name: 'Janet Snakehole', meta });
    assert.equal(meta.timestamps.created_at, person.record.meta.timestamps.created_at);
    assert.deepEqual((await shop.Customers.Get(person.id, token)).data, data);
  });

  test('does not let an update take another customer\'s e-mail', async () => {
    const person = await register();
    const token = await tokenOf(shop, person);
    assertErrors(await rejection(shop.Customers.Update(person.id, { email: RON.email }, token)), 409, ['email']);
    assert.deepEqual((await shop.Customers.Get(person.id, token)).data.email, person.email);
  });

  test('a changed password ends the tokens of before and the old password', async () => {
    const person = await register();
    const [before, other] = [await tokenOf(shop, person), await tokenOf(shop, person)];
    await shop.Customers.Update(person.id, { password: 'i love everything' }, before);
    recorder.taken();
    for (const old of [before, other]) await refused(shop.Customers.Get(person.id, old), TOKEN_INVALID);
    await refused(shop.Customers.TokenViaPassword(person.email, person.password), WRONG_CREDENTIALS);
    const token = await tokenOf(shop, { ...person, password: 'i love everything' });
    assert.equal((await shop.Customers.Get(person.id, token)).data.id, person.id);
  });

  test('refuses a new password of fewer than 8 characters, and keeps the old one', async () => {
    const person = await register();
    const token = await tokenOf(shop, person);
    assertErrors(await rejection(shop.Customers.Update(person.id, { password: 'seven77' }, token)), 400, ['password']);
    assert.equal((await shop.Customers.Get(person.id, token)).data.id, person.id);
    await tokenOf(shop, person);
  });

  test('shows the list of customers to client credentials alone', async () => {
    await refused(shop.Customers.All(), TOKEN_MISSING);
    const list = await office.Customers.All();
    const known = list.data.map(({ id }) => id);
    for (const { id } of [RON, LESLIE]) assert.ok(known.includes(id), id);
  });

  test('lets client credentials read, change and delete a customer', async () => {
    const person = await register();
    assert.deepEqual((await office.Customers.Get(person.id)).data, person.record);
    assert.equal((await office.Customers.Update(person.id, { name: 'Burt Macklin' })).data.name, 'Burt Macklin');
    assert.equal(await office.Customers.Delete(person.id), '{}');
    await refused(office.Customers.Get(person.id), NOT_FOUND);
    await refused(shop.Customers.TokenViaPassword(person.email, person.password), WRONG_CREDENTIALS);
    await refused(office.Customers.Get(NOBODY), NOT_FOUND);
  });

  test('lets nobody but client credentials delete a customer', async () => {
    const person = await register();
    await refused(shop.Customers.Delete(person.id), TOKEN_MISSING);
    assert.equal((await office.Customers.Get(person.id)).data.id, person.id);
  });

  test('answers the call of an old page, an object for an id, with one clean refusal', async () => {
    const token = await tokenOf(shop, RON);
    recorder.taken();
    const body = await rejection(shop.Customers.Get({ id: RON.id, token }));
    // The token never left the page's computer.
    assert.deepEqual(body, TOKEN_MISSING);
    assert.deepEqual(recorder.taken(), ['GET /v2/customers/[object%20Object] 403']);
  });

  test('shows the settings of customer authentication', async () => {
    const { data } = await office.AuthenticationSettings.Get();
    const { id } = data;
    const realm = data.relationships['authentication-realm'].data;
    assert.deepEqual(data, {
      id,
      type: 'customer-authentication-settings',
      meta: { client_id: 'customers' },
      relationships: {
        'authentication-realm': {
          data: { id: realm.id, type: 'authentication-realm', duplicate_email_policy: 'allowed' },
        },
      },
    });
  });
}));
