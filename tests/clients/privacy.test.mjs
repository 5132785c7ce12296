// One customer's token never shows that another customer exists.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LESLIE, NOBODY, NOT_FOUND, RON, everyClient, rejection, startStorefront, tokenOf } from './support.mjs';

const ADDRESS = {
  name: 'Mine', first_name: 'Ron', last_name: 'Swanson', line_1: '1 Lakeside Road', county: 'Wamapoke', postcode: '47998', country: 'US',
};

everyClient(({ sdk, form }) => describe(`the other customer's data, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront, shop, ron, leslie, theirs;
  before(async () => {
    storefront = await startStorefront({ form });
    shop = sdk.shop(storefront.host);
    ron = await tokenOf(shop, RON);
    leslie = await tokenOf(shop, LESLIE);
    theirs = await everythingOf(LESLIE.id, leslie);
  });
  after(() => storefront.stop());

  const everythingOf = async (customer, token) => ({
    record: await shop.Customers.Get(customer, token),
    addresses: await shop.CustomerAddresses.All({ customer, token }),
    orders: await shop.Orders.Limit(100).All(token),
  });

  /** Both calls must be refused as if there were no such thing, with the same words. */
  const nothingThere = async (existing, absent) => {
    const [body, ofNothing] = await Promise.all([existing, absent].map(rejection));
    assert.deepEqual(body, NOT_FOUND);
    assert.deepEqual(ofNothing, NOT_FOUND);
  };

  test('is there: the customer it belongs to sees it', () => {
    assert.equal(theirs.record.data.id, LESLIE.id);
    assert.ok(theirs.addresses.data.length > 0);
    assert.ok(theirs.orders.data.length > 0);
  });

  test('is no record to read or to change', async () => {
    await nothingThere(shop.Customers.Get(LESLIE.id, ron), shop.Customers.Get(NOBODY, ron));
    const change = { name: 'Ron was here', password: 'ron was here' };
    await nothingThere(shop.Customers.Update(LESLIE.id, change, ron), shop.Customers.Update(NOBODY, change, ron));
  });

  test('is no address book to read or to write', async () => {
    const address = theirs.addresses.data[0].id;
    for (const call of ['All', 'Get', 'Create', 'Update', 'Delete']) {
      const attempt = (customer) => shop.CustomerAddresses[call]({ customer, address, body: ADDRESS, token: ron });
      await nothingThere(attempt(LESLIE.id), attempt(NOBODY));
    }
  });

  test('is no address under one\'s own name either', async () => {
    const [{ id: address }] = theirs.addresses.data;
    for (const call of ['Get', 'Update', 'Delete']) {
      const attempt = (address) => shop.CustomerAddresses[call]({ customer: RON.id, address, body: ADDRESS, token: ron });
      await nothingThere(attempt(address), attempt(NOBODY));
    }
  });

  test('is no order', async () => {
    await nothingThere(shop.Orders.Get(theirs.orders.data[0].id, ron), shop.Orders.Get(NOBODY, ron));
    const mine = (await shop.Orders.Limit(100).All(ron)).data.map(({ id }) => id);
    for (const { id } of theirs.orders.data) assert.ok(!mine.includes(id), id);
  });

  test('is untouched by all of that', async () => {
    assert.deepEqual(await everythingOf(LESLIE.id, leslie), theirs);
  });
}));
