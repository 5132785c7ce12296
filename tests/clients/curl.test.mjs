// The document's curl calls as they are printed there, but for the host, run by a real shell with a real curl.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  FORMS, RON, assertErrors, claimsOf, freshFolder, mint, startRecorder, startStorefront, within,
} from './support.mjs';

const printed = (name) => readFileSync(new URL(`curl/${name}.sh`, import.meta.url), 'utf8');

for (const form of FORMS) describe(`curl, ${form} tokens`, { timeout: 60_000 }, () => {
  let storefront, recorder, folder, bearer;
  before(async () => {
    storefront = await startStorefront({ form });
    recorder = await startRecorder(storefront.origin);
    folder = freshFolder();
    // No settings of the machine's own: no proxy, no progress bar.
    writeFileSync(path.join(folder.path, '.curlrc'), 'silent\nnoproxy = "*"\nmax-time = 20\n');
    const { output } = await shell(`curl ${recorder.origin}/oauth/access_token -d grant_type=implicit -d client_id=X`);
    bearer = JSON.parse(output).access_token;
  });
  after(async () => {
    folder.remove();
    await recorder.stop();
    await storefront.stop();
  });

  /** Runs a script; resolves with what it printed, and with the requests that arrived. */
  const shell = async (script) => {
    recorder.takenWhole();
    const child = spawn('bash', ['-s'], {
      cwd: folder.path,
      env: { PATH: process.env.PATH, HOME: folder.path, CURL_HOME: folder.path },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
    child.stdin.end(script);
    const code = await within(25_000, 'the shell', new Promise((resolve) => child.once('close', resolve)));
    return { output, code, requests: recorder.takenWhole() };
  };
  const filledIn = (script) => script.replace('http://127.0.0.1:8080', recorder.origin).replace('XXXX', () => bearer);

  test('an access token comes as a flat object', async () => {
    const { output, requests } = await shell(`curl ${recorder.origin}/oauth/access_token -d grant_type=implicit -d client_id=X`);
    const { access_token, expires } = JSON.parse(output);
    assert.deepEqual(JSON.parse(output), { access_token, token_type: 'Bearer', expires, expires_in: 3600, identifier: 'implicit' });
    assert.deepEqual(requests.map(({ status }) => status), [200]);
  });

  test('an access token comes for a form that is called JSON, too', async () => {
    const { output, requests } = await shell(`
      curl -X POST ${recorder.origin}/oauth/access_token \\
           -H "Content-Type: application/json" \\
           -d "client_id=storefront&client_secret=storefront-secret&grant_type=client_credentials"`);
    assert.equal(requests[0].headers['content-type'], 'application/json');
    assert.equal(requests[0].status, 200);
    assert.equal(JSON.parse(output).identifier, 'client_credentials');
  });

  test('the password call as printed, broken, sends a dollar sign and gets a JSON 400', async () => {
    const { output, requests } = await shell(filledIn(printed('password')));
    assert.deepEqual(requests.map(({ method, url, body, status }) => [method, url, body, status]),
      [['POST', '/v2/customers/tokens', '$', 400]]);
    const body = JSON.parse(output);
    assertErrors(body, 400);
  });

  test('the password call with its quotes mended gives the token object', async () => {
    const mended = printed('password').replace('-d $ {', () => "-d $'{").replace(/}\n$/, "}'\n");
    const { output, requests } = await shell(filledIn(mended));
    assert.deepEqual(requests.map(({ status }) => status), [200]);
    const { id, token, expires } = JSON.parse(output).data;
    assert.deepEqual(JSON.parse(output), { data: { type: 'token', id, customer_id: RON.id, token, expires } });
    assert.equal(token, mint(form, claimsOf(token)));
    assert.equal(requests[0].headers['content-type'], 'application/json');
  });

  test('the OpenID Connect call as printed gets a 400, as none is configured', async () => {
    const { output, requests } = await shell(filledIn(printed('oidc')));
    assert.deepEqual(requests.map(({ status }) => status), [400]);
    assert.equal(JSON.parse(requests[0].body).data.authentication_mechanism, 'oidc');
    assertErrors(JSON.parse(output), 400, ['authentication_mechanism']);
  });

  test('a bearer with a colon after the scheme and a space at its end is tolerated', async () => {
    // Past the recorder, which would not keep the space.
    const { output } = await shell(`
      curl -X POST ${storefront.origin}/v2/customers/tokens \\
           -H "Authorization: Bearer: ${bearer} " \\
           -H "Content-Type: application/json" \\
           -d '{"data":{"type":"token","email":"${RON.email}","password":"${RON.password}"}}'`);
    assert.equal(JSON.parse(output).data.customer_id, RON.id);
  });

  test('the lines that the storefront prints give a token and the orders', async () => {
    const [, ...lines] = storefront.lines;
    const script = lines.join('\n');
    assert.match(script, /curl /);
    assert.ok(script.includes(storefront.origin), script);
    const { output } = await shell(`${script}\n`);
    assert.ok(output.includes(RON.id), output);
    assert.ok(output.includes('"order"'), output);
    assert.ok(!output.includes('"errors"'), output);
  });
});
