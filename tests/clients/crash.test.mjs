// The storefront is killed while customers write, and keeps what it has acknowledged.

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RON, accessToken, claimsFor, freshFolder, loginBody, mint, request, startStorefront } from './support.mjs';

const WRITERS = 8;
const UPDATES = 1_000;
const KILL_AFTER = [150, 400, 700]; // acknowledged updates, in all
const ADDRESS = { type: 'address', first_name: 'Ron', last_name: 'Swanson', line_1: '0', county: 'Wamapoke', postcode: '47998', country: 'US' };

describe('killed with SIGKILL', { timeout: 180_000 }, () => {
  let folder, storefront, agent, headers;
  const start = async () => {
    storefront = await startStorefront({ folder });
    agent = new http.Agent({ keepAlive: true, maxSockets: WRITERS });
    headers = {
      authorization: `Bearer ${await accessToken(storefront.origin)}`,
      'content-type': 'application/json',
      'x-moltin-customer-token': mint('compact', claimsFor(RON)),
    };
  };
  const own = (rest = '') => `/v2/customers/${RON.id}/addresses${rest}`;
  const send = (method, path, data) =>
    request(storefront.origin, { method, path, headers, agent, body: data && JSON.stringify({ data }) });

  before(async () => {
    folder = freshFolder();
    await start();
  });
  after(async () => {
    agent.destroy();
    await storefront.stop();
    folder.remove();
  });

  test('amid 1000 updates of addresses, it has every one that it acknowledged', async (t) => {
    const books = [];
    for (let i = 0; i < WRITERS; i += 1) {
      const made = await send('POST', own(), { ...ADDRESS, name: `writer ${i}` });
      assert.equal(made.status, 201, made.text);
      books.push({ id: made.json.data.id, sent: 0, acknowledged: 0 });
    }
    let acknowledged = 0;
    let death;

    // Each writer counts up in its own address, until the work is done or the storefront is gone.
    const write = async (book, killAt) => {
      while (acknowledged < UPDATES) {
        book.sent += 1;
        const answer = await send('PUT', own(`/${book.id}`), { type: 'address', line_1: String(book.sent) }).catch((error) => {
          assert.ok(death, `failed before the kill: ${error}`);
        });
        if (answer === undefined) return;
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.json.data.line_1, String(book.sent));
        book.acknowledged = book.sent;
        acknowledged += 1;
        // The other writers' requests are still on their way.
        if (acknowledged === killAt) death = storefront.kill();
      }
    };
    const check = async () => {
      for (const book of books) {
        const stored = Number((await send('GET', own(`/${book.id}`))).json.data.line_1);
        assert.ok(book.acknowledged <= stored && stored <= book.sent, JSON.stringify({ stored, ...book }));
      }
    };

    for (const killAt of KILL_AFTER) {
      await Promise.all(books.map((book) => write(book, killAt)));
      assert.deepEqual(await death, { code: null, signal: 'SIGKILL' });
      const open = books.filter((book) => book.sent > book.acknowledged).length;
      t.diagnostic(`killed after ${acknowledged} acknowledged updates, with ${open} on their way`);
      assert.ok(open > 0, 'nothing was on its way');
      agent.destroy();
      death = undefined;
      await start();
      await check();
    }
    await Promise.all(books.map((book) => write(book)));
    await check();
    assert.ok(acknowledged >= UPDATES);
  });

  test('it opens with the same customers and orders as before', async () => {
    const orders = await send('GET', '/v2/orders');
    assert.equal(orders.json.meta.results.total, 45);
    const login = await request(storefront.origin, {
      method: 'POST', path: '/v2/customers/tokens', headers, body: loginBody(RON.email, RON.password),
    });
    assert.equal(login.json.data.customer_id, RON.id);
  });
});

describe('without a secret of the operator\'s', { timeout: 60_000 }, () => {
  test('it makes one, keeps it from others, and knows its tokens after a restart', async () => {
    const folder = freshFolder();
    let storefront = await startStorefront({ folder, secret: '' });
    const login = await request(storefront.origin, {
      method: 'POST',
      path: '/v2/customers/tokens',
      headers: { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'content-type': 'application/json' },
      body: loginBody(RON.email, RON.password),
    });
    const { token } = login.json.data;
    await storefront.kill();

    const beside = readdirSync(folder.path).filter((name) => !/\.sqlite3(-wal|-shm)?$/.test(name));
    assert.equal(beside.length, 1, beside.join());
    const { mode, size } = statSync(path.join(folder.path, beside[0]));
    assert.equal(mode & 0o777, 0o600);
    assert.ok(size >= 32);

    storefront = await startStorefront({ folder, secret: '' });
    const own = await request(storefront.origin, {
      path: `/v2/customers/${RON.id}`,
      headers: { authorization: `Bearer ${await accessToken(storefront.origin)}`, 'x-moltin-customer-token': token },
    });
    assert.equal(own.status, 200, own.text);
    await storefront.stop();
    folder.remove();
  });
});
