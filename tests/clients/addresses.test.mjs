// A customer's address book through the SDKs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  BACK_OFFICE, NOBODY, NOT_FOUND, RON, TOKEN_MISSING, assertErrors, everyClient, refused, rejection, startStorefront,
  tokenOf,
} from './support.mjs';

const CABIN = {
  name: 'Cabin',
  first_name: 'Ron',
  last_name: 'Swanson',
  company_name: 'Very Good Building and Development Co.',
  phone_number: '(555) 555-0100',
  line_1: '1 Lakeside Road',
  line_2: 'Beyond the fence',
  city: 'Pawnee',
  county: 'Wamapoke',
  region: 'Indiana',
  postcode: '47998',
  country: 'US',
  instructions: 'No visitors',
};
const REQUIRED = ['first_name', 'last_name', 'line_1', 'county', 'postcode', 'country'];

everyClient(({ sdk, form }) => describe(`addresses, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  const customer = RON.id;
  let storefront, shop, token;
  before(async () => {
    storefront = await startStorefront({ form });
    shop = sdk.shop(storefront.host);
    token = await tokenOf(shop, RON);
  });
  after(() => storefront.stop());

  const create = (body) => shop.CustomerAddresses.Create({ customer, body, token });
  const get = (address) => shop.CustomerAddresses.Get({ customer, address, token });
  const update = (address, body) => shop.CustomerAddresses.Update({ customer, address, body, token });
  const remove = (address) => shop.CustomerAddresses.Delete({ customer, address, token });
  const ids = async () => (await shop.CustomerAddresses.All({ customer, token })).data.map(({ id }) => id);

  test('lists the two that the store was opened with', async () => {
    const { data } = await shop.CustomerAddresses.All({ customer, token });
    assert.deepEqual(data.map(({ type }) => type), ['address', 'address']);
    assert.equal(new Set(data.map(({ id }) => id)).size, 2);
  });

  test('creates one and reads it back, as it was sent', async () => {
    const { data: created } = await create(CABIN);
    const { id } = created;
    assert.equal(typeof id, 'string');
    for (const [field, value] of Object.entries({ type: 'address', ...CABIN })) assert.equal(created[field], value, field);
    const { data: read } = await get(id);
    assert.deepEqual(read, created);
    assert.ok((await ids()).includes(id));
  });

  test('changes only what the update names', async () => {
    const { data: created } = await create(CABIN);
    const { data: updated } = await update(created.id, { line_2: 'Mind the bear', instructions: '' });
    assert.equal(updated.line_2, 'Mind the bear');
    const { data: read } = await get(created.id);
    assert.deepEqual(read, updated);
    const untouched = ({ line_2, instructions, meta, ...rest }) => rest;
    assert.deepEqual(untouched(read), untouched(created));
  });

  test('deletes one, which is gone then', async () => {
    const { data } = await create(CABIN);
    // An empty body is what the SDK calls '{}'.
    assert.equal(await remove(data.id), '{}');
    await refused(get(data.id), NOT_FOUND);
    await refused(update(data.id, { line_2: 'x' }), NOT_FOUND);
    await refused(remove(data.id), NOT_FOUND);
    assert.ok(!(await ids()).includes(data.id));
  });

  test('names each field that is missing', async () => {
    assertErrors(await rejection(create({ name: 'Nothing' })), 400, REQUIRED);
    for (const field of REQUIRED) {
      const { [field]: left, ...rest } = CABIN;
      assertErrors(await rejection(create(rest)), 400, [field]);
    }
  });

  test('does not let an update empty a required field', async () => {
    const { data } = await create(CABIN);
    assertErrors(await rejection(update(data.id, { line_1: '' })), 400, ['line_1']);
    assert.deepEqual((await get(data.id)).data, data);
  });

  test('keeps letters of any language', async () => {
    const { data } = await create({ ...CABIN, city: 'Ääkkölä 東京 🏔', line_2: '"\\ \u0000 <b>' });
    assert.deepEqual([data.city, data.line_2], ['Ääkkölä 東京 🏔', '"\\ \u0000 <b>']);
    assert.deepEqual((await get(data.id)).data, data);
  });

  test('does not know an address that never was', async () => {
    await refused(get(NOBODY), NOT_FOUND);
    await refused(get('no-uuid'), NOT_FOUND);
  });

  test('needs the customer token to show anything', async () => {
    const [address] = await ids();
    const bare = { customer, address, body: CABIN };
    for (const call of ['All', 'Get', 'Create', 'Update', 'Delete']) {
      await refused(shop.CustomerAddresses[call](bare), TOKEN_MISSING);
    }
  });

  test('opens to client credentials without a customer token', async () => {
    const office = sdk.shop(storefront.host, BACK_OFFICE);
    const mine = await shop.CustomerAddresses.All({ customer, token });
    assert.deepEqual(await office.CustomerAddresses.All({ customer }), mine);
    const { data } = await office.CustomerAddresses.Create({ customer, body: CABIN });
    assert.deepEqual((await get(data.id)).data, data);
    assert.equal(await office.CustomerAddresses.Delete({ customer, address: data.id }), '{}');
  });

  test('holds at most 25 and says so', async () => {
    const before = await ids();
    const made = [];
    while (before.length + made.length < 25) made.push((await create(CABIN)).data.id);
    assertErrors(await rejection(create(CABIN)), 422);
    assert.equal((await ids()).length, 25);
    for (const id of made) assert.equal(await remove(id), '{}');
    assert.deepEqual(await ids(), before);
  });
}));
