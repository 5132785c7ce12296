// Refusals behind a real nginx, which looks at the HTTP status and at `Cache-Control` alone. Behind it is the quickstart
// example: one axum route with the layer around it, as the README has it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freshFolder, request, within } from './support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const quickstart = process.env.QUICKSTART_BIN ?? path.join(root, 'target/release/examples/quickstart');
const scratch = process.env.STOREFRONT_SCRATCH;

const PRIVATE = 'for customers alone\n';
const ORDERS = 'the orders of ron';
// Content types of gRPC calls, which a client may put on any request.
const CALL_TYPES = ['application/grpc', 'application/grpc+proto', 'application/grpc-web', 'application/grpc-web-text'];

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts a program, and resolves once `ready(child)` has, with what that gives and with `stop`. */
async function start(name, command, options, ready) {
  const child = spawn(command, options.args ?? [], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  running.add(child);
  const pidFile = scratch && path.join(scratch, `${name}-${child.pid}.pid`);
  if (pidFile) writeFileSync(pidFile, `${child.pid}\n`);
  exited.finally(() => {
    running.delete(child);
    if (pidFile) rmSync(pidFile, { force: true });
  }).catch(() => {});
  const ended = exited.then((how) => assert.fail(`${name} ended with ${JSON.stringify(how)}:\n${errors}`));
  const found = await within(30_000, `${name} to listen`, Promise.race([ready(child), ended]));
  ended.catch(() => {});
  return {
    found,
    stop() {
      child.kill('SIGTERM');
      return within(10_000, `${name} to end`, exited);
    },
  };
}

/** The quickstart example: its host, and the customer token that it prints. */
const startQuickstart = () => start('quickstart', quickstart, { env: { QUICKSTART_ADDR: '127.0.0.1:0' } }, async (child) => {
  const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
  const [, token, host] = /^curl -H 'X-Moltin-Customer-Token: ([^']+)' (127\.0\.0\.1:\d+)\/v2\/orders$/.exec(line) ?? assert.fail(line);
  return { token, host };
});

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves once `port` takes connections. */
async function listening(port) {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (connected) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An nginx in `folder`: one page that `upstream` guards by `auth_request`, and `upstream` itself behind a cache. */
async function startNginx(folder, upstream) {
  const port = await freePort();
  const at = (name) => path.join(folder, name);
  mkdirSync(at('www'));
  writeFileSync(at('www/private.txt'), PRIVATE);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // One process: nothing is left over when it is killed.
  writeFileSync(at('nginx.conf'), `
    daemon off;
    master_process off;
    pid ${at('nginx.pid')};
    error_log stderr warn;
    events {}
    http {
      access_log off;
      ${temporary.map((kind) => `${kind}_temp_path ${at(kind)};`).join('\n')}
      proxy_cache_path ${at('cache')} keys_zone=pages:1m;
      proxy_http_version 1.1;
      server {
        listen 127.0.0.1:${port};
        root ${at('www')};
        location = /private.txt { auth_request /may-see; }
        location = /may-see {
          internal;
          proxy_pass http://${upstream}/v2/orders;
          proxy_pass_request_body off;
          proxy_set_header Content-Length "";
        }
        location /v2/ {
          proxy_pass http://${upstream};
          proxy_cache pages;
          proxy_cache_methods GET HEAD POST;
          proxy_cache_valid 200 1m;
          add_header X-Cache $upstream_cache_status always;
        }
      }
    }`);
  const args = ['-e', 'stderr', '-p', folder, '-c', at('nginx.conf')];
  const nginx = await start('nginx', 'nginx', { args }, () => listening(port));
  return { ...nginx, origin: `http://127.0.0.1:${port}` };
}

describe('behind nginx', { timeout: 60_000 }, () => {
  const folder = freshFolder();
  const stops = [];
  let origin, token;
  before(async () => {
    const upstream = await startQuickstart();
    stops.push(upstream.stop);
    token = upstream.found.token;
    const nginx = await startNginx(folder.path, upstream.found.host);
    stops.push(nginx.stop);
    origin = nginx.origin;
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
    folder.remove();
  });

  const honest = () => ({ 'x-moltin-customer-token': token });
  const get = (path, headers) => request(origin, { path, headers });

  test('a customer sees the page that auth_request guards, and a stranger does not', async () => {
    assert.deepEqual(summary(await get('/private.txt', honest())), [200, PRIVATE]);
    assert.equal((await get('/private.txt', {})).status, 401);
  });

  for (const type of CALL_TYPES) {
    test(`auth_request refuses a stranger who sends content-type: ${type}`, async () => {
      for (const stranger of [{}, { 'x-moltin-customer-token': 'a.b.c' }]) {
        for (const method of ['GET', 'POST']) {
          const headers = { ...stranger, 'content-type': type };
          const answer = await request(origin, { method, path: '/private.txt', headers });
          assert.equal(answer.status, 401, `${method} ${JSON.stringify(headers)}: ${answer.text}`);
        }
      }
    });

    test(`a refusal with content-type: ${type} is not cached for others`, async () => {
      for (const method of ['GET', 'POST']) {
        // Each a page that is not in the cache yet.
        const path = `/v2/orders?${encodeURIComponent(type)}=${method}`;
        const refused = await request(origin, { method, path, headers: { 'content-type': type } });
        assert.equal(refused.headers['x-cache'], 'MISS');
        const visited = await get(path, honest());
        assert.deepEqual([...summary(visited), visited.headers['x-cache']], [200, ORDERS, 'MISS'], method);
        assert.equal(refused.headers['cache-control'], 'no-store');
      }
    });
  }

  test('the cache works, so that what is not in it was kept out', async () => {
    const path = '/v2/orders?cached';
    assert.equal((await get(path, honest())).headers['x-cache'], 'MISS');
    assert.equal((await get(path, honest())).headers['x-cache'], 'HIT');
  });
});

function summary({ status, text }) {
  return [status, text];
}
