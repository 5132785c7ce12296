// A customer's orders through the SDKs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  BACK_OFFICE, LESLIE, NOBODY, NOT_FOUND, RON, TOKEN_MISSING, accessToken, assertErrors, everyClient, refused,
  rejection, request, startStorefront, tokenOf,
} from './support.mjs';

const createdAt = (order) => Date.parse(order.meta.timestamps.created_at);

everyClient(({ sdk, form }) => describe(`orders, ${sdk.name}, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront, shop, token;
  before(async () => {
    storefront = await startStorefront({ form });
    shop = sdk.shop(storefront.host);
    token = await tokenOf(shop, RON);
  });
  after(() => storefront.stop());

  const page = (limit, offset = 0) => shop.Orders.Limit(limit).Offset(offset).All(token);
  const everyOrder = async () => (await page(100)).data;
  const pageOf = ({ meta }) => [meta.page.limit, meta.page.offset, meta.page.current, meta.page.total, meta.results.total];

  test('lists 25 of the 45, all of them the customer\'s own', async () => {
    const list = await shop.Orders.All(token);
    assert.equal(list.data.length, 25);
    assert.deepEqual(pageOf(list), [25, 0, 1, 2, 45]);
    assert.deepEqual(Object.keys(list.links).sort(), ['current', 'first', 'last', 'next', 'prev']);
    assert.equal(list.links.prev, null);
    for (const order of list.data) {
      assert.equal(order.type, 'order');
      assert.deepEqual(order.customer, { name: RON.name, email: RON.email });
      assert.deepEqual(order.relationships.customer.data, { type: 'customer', id: RON.id });
    }
  });

  test('has the members of an order that pages show', async () => {
    const [order] = (await shop.Orders.All(token)).data;
    const { amount, currency, formatted } = order.meta.display_price.with_tax;
    assert.deepEqual([amount, currency, formatted].map((value) => typeof value), ['number', 'string', 'string']);
    assert.ok(['complete', 'incomplete', 'processing', 'cancelled'].includes(order.status), order.status);
    assert.deepEqual([order.payment, order.shipping].map((value) => typeof value), ['string', 'string']);
    assert.ok(Number.isFinite(createdAt(order)));
    assert.ok(order.relationships.items.data.length > 0);
    for (const item of order.relationships.items.data) assert.deepEqual(Object.keys(item).sort(), ['id', 'type']);
  });

  test('pages through all of them, each once', async () => {
    const pages = [await page(20), await page(20, 20), await page(20, 40)];
    assert.deepEqual(pages.map(({ data }) => data.length), [20, 20, 5]);
    assert.deepEqual(pages.map(pageOf), [[20, 0, 1, 3, 45], [20, 20, 2, 3, 45], [20, 40, 3, 3, 45]]);
    assert.equal(new Set(pages.flatMap(({ data }) => data.map(({ id }) => id))).size, 45);
    assert.deepEqual(pages.map(({ links }) => [links.prev === null, links.next === null]),
      [[true, false], [false, false], [false, true]]);
  });

  test('keeps the paging fields on a page that is empty', async () => {
    const past = await page(20, 60);
    assert.deepEqual(past.data, []);
    assert.deepEqual([past.meta.page.limit, past.meta.page.offset, past.meta.page.total, past.meta.results.total], [20, 60, 3, 45]);
    const none = await shop.Orders.Filter({ eq: { created_at: '1999-01-01T00:00:00Z' } }).All(token);
    assert.deepEqual(none.data, []);
    assert.deepEqual([none.meta.page.limit, none.meta.page.offset, none.meta.results.total], [25, 0, 0]);
    assert.equal(none.links.next, null);
  });

  test('has a link to the next page that leads there', async () => {
    const first = await page(20);
    const bearer = await accessToken(storefront.origin);
    const { pathname, search } = new URL(first.links.next, storefront.origin);
    const next = await request(storefront.origin, {
      path: pathname + search,
      headers: { authorization: `Bearer ${bearer}`, 'X-Moltin-Customer-Token': token },
    });
    assert.deepEqual(next.json.data, (await page(20, 20)).data);
  });

  test('sorts by the time of the order, both ways', async () => {
    const rising = (await shop.Orders.Limit(100).Sort('created_at').All(token)).data;
    const falling = (await shop.Orders.Limit(100).Sort('-created_at').All(token)).data;
    const times = rising.map(createdAt);
    assert.deepEqual(times, [...times].sort((a, b) => a - b));
    assert.ok(new Set(times).size > 1);
    assert.deepEqual(falling.map(createdAt), [...times].reverse());
  });

  test('sorts by status, both ways', async () => {
    const rising = (await shop.Orders.Limit(100).Sort('status').All(token)).data.map(({ status }) => status);
    const falling = (await shop.Orders.Limit(100).Sort('-status').All(token)).data.map(({ status }) => status);
    assert.deepEqual(rising, [...rising].sort());
    assert.ok(new Set(rising).size > 1);
    assert.deepEqual(falling, [...rising].reverse());
  });

  test('filters by status', async () => {
    const all = await everyOrder();
    const expected = all.filter(({ status }) => status === 'complete').map(({ id }) => id);
    assert.ok(expected.length > 0 && expected.length < all.length);
    const list = await shop.Orders.Limit(100).Filter({ eq: { status: 'complete' } }).All(token);
    assert.deepEqual(list.data.map(({ id }) => id).sort(), expected.sort());
    assert.equal(list.meta.results.total, expected.length);
  });

  test('filters by time with each comparison', async () => {
    const all = await everyOrder();
    const sorted = [...all].sort((a, b) => createdAt(a) - createdAt(b));
    const middle = sorted[20];
    const pivot = createdAt(middle);
    const comparisons = { ge: (t) => t >= pivot, gt: (t) => t > pivot, le: (t) => t <= pivot, lt: (t) => t < pivot, eq: (t) => t === pivot };
    for (const [operator, holds] of Object.entries(comparisons)) {
      const expected = all.filter((order) => holds(createdAt(order))).map(({ id }) => id);
      const list = await shop.Orders.Limit(100).Filter({ [operator]: { created_at: middle.meta.timestamps.created_at } }).All(token);
      assert.deepEqual(list.data.map(({ id }) => id).sort(), expected.sort(), operator);
    }
  });

  test('filters by the day alone and by two things at once', async () => {
    const all = await everyOrder();
    assert.equal((await shop.Orders.Filter({ ge: { created_at: '2000-01-01' } }).All(token)).meta.results.total, 45);
    const list = await shop.Orders.Limit(20).Sort('-created_at')
      .Filter({ ge: { created_at: '2000-01-01' }, eq: { status: 'complete' } }).All(token);
    assert.equal(list.meta.results.total, all.filter(({ status }) => status === 'complete').length);
  });

  test('filters by the beginning of a word', async () => {
    const all = await everyOrder();
    const expected = all.filter(({ status }) => status.startsWith('comp')).length;
    const list = await shop.Orders.Filter({ like: { status: 'comp*' } }).All(token);
    assert.equal(list.meta.results.total, expected);
  });

  test('includes the items that the orders refer to', async () => {
    const list = await shop.Orders.Limit(20).With('items').All(token);
    const referred = list.data.flatMap((order) => order.relationships.items.data.map(({ id }) => id));
    assert.deepEqual(list.included.items.map(({ id }) => id).sort(), referred.sort());
    assert.equal((await shop.Orders.Limit(20).All(token)).included, undefined);
  });

  test('gets one by its id, with its items if asked', async () => {
    const [order] = (await shop.Orders.All(token)).data;
    assert.deepEqual((await shop.Orders.Get(order.id, token)).data, order);
    const whole = await shop.Orders.With('items').Get(order.id, token);
    assert.deepEqual(whole.data, order);
    assert.deepEqual(whole.included.items.map(({ id }) => id).sort(), order.relationships.items.data.map(({ id }) => id).sort());
  });

  test('does not know an order that never was', async () => {
    await refused(shop.Orders.Get(NOBODY, token), NOT_FOUND);
    await refused(shop.Orders.Get('no-uuid', token), NOT_FOUND);
  });

  test('refuses what it cannot sort or filter by', async () => {
    for (const [source, call] of [
      ['sort', () => shop.Orders.Sort('total').All(token)],
      ['filter', () => shop.Orders.Filter({ eq: { email: RON.email } }).All(token)],
      ['filter', () => shop.Orders.Filter({ regex: { status: '.*' } }).All(token)],
      ['filter', () => shop.Orders.Filter({ ge: { created_at: 'yesterday' } }).All(token)],
      ['page[limit]', () => page(101)],
      ['page[offset]', () => page(20, 10_001)],
      ['include', () => shop.Orders.With('customers').All(token)],
    ]) assertErrors(await rejection(call()), 400, [source]);
  });

  test('shows nothing without a customer token, an empty one included', async () => {
    const [{ id }] = (await shop.Orders.All(token)).data;
    for (const none of ['', undefined]) {
      await refused(shop.Orders.All(none), TOKEN_MISSING);
      await refused(shop.Orders.Get(id, none), TOKEN_MISSING);
    }
  });

  test('shows client credentials everything, and with a customer token that customer\'s alone', async () => {
    const office = sdk.shop(storefront.host, BACK_OFFICE);
    const theirs = await shop.Orders.Limit(100).All(await tokenOf(shop, LESLIE));
    assert.ok(theirs.data.length > 0);
    const everything = await office.Orders.Limit(100).All();
    assert.equal(everything.meta.results.total, 45 + theirs.data.length);
    const limited = await office.Orders.Limit(100).All(token);
    assert.deepEqual(limited.data, await everyOrder());
    assert.deepEqual((await office.Orders.Get(theirs.data[0].id)).data, theirs.data[0]);
    await refused(office.Orders.Get(theirs.data[0].id, token), NOT_FOUND);
  });
}));
