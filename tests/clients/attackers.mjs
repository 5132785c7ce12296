// The process behind `attack.mjs`: sources that attack a storefront, each over connections of its own. Each connection
// sends the next request as soon as it has the response. Ends with its parent.
//
// Plain sockets and requests that are made in advance: what this costs is taken from the storefront, on the same cores.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

process.once('disconnect', () => process.exit());
const [{ host, port, bearer, sources, connections, attack }] = await once(process, 'message');

const LOGIN = '/v2/customers/tokens';
const statuses = {};
let isRunning = false;
let errors = 0;

function message(source, body) {
  return Buffer.from([
    `POST ${LOGIN} HTTP/1.1`, `Host: ${host}:${port}`, `Authorization: Bearer ${bearer}`,
    'Content-Type: application/json', `X-Forwarded-For: ${source}`, `Content-Length: ${Buffer.byteLength(body)}`, '', body,
  ].join('\r\n'));
}

const password = (email, secret) =>
  JSON.stringify({ data: { type: 'token', authentication_mechanism: 'password', email, password: secret } });

const code = () => JSON.stringify({
  data: {
    type: 'token',
    authentication_mechanism: 'oidc',
    oauth_authorization_code: randomBytes(32).toString('base64url'),
    oauth_redirect_uri: attack.redirectUri,
    oauth_code_verifier: attack.verifier,
  },
});

/** The requests of a connection, in turn. */
const requestsOf = {
  /** Guesses for one account. */
  account: (source) => [message(source, password(attack.email, 'not the password'))],
  /** A guess for each of many accounts: those of the customers, and unknown e-mails. */
  accounts: (source) => [...attack.emails, ...Array.from({ length: 22 }, () => `${randomBytes(8).toString('hex')}@pawnee.gov`)]
    .sort(() => Math.random() - 0.5)
    .map((email) => message(source, password(email, 'not the password'))),
  /** Correct logins to the attackers' own accounts, which no limit refuses. */
  queue: (source, number) => {
    const { email, password: secret } = attack.own[number % attack.own.length];
    return [message(source, password(email, secret))];
  },
  /** Codes that the provider did not issue. Each is new: a code that was tried before is not sent to it. */
  provider: (source) => Array.from({ length: 50 }, () => message(source, code())),
}[attack.kind];

/** A connection that is used until the end, and opened again when the storefront closes it. */
function connect(requests, opened) {
  let next = Math.floor(Math.random() * requests.length);
  let received = '';
  const socket = net.connect(port, host, opened);
  socket.setNoDelay(true);
  const send = () => {
    socket.write(requests[next]);
    next = (next + 1) % requests.length;
  };
  socket.on('data', (chunk) => {
    received += chunk.latin1Slice();
    const head = received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)[1]);
    if (received.length < head + 4 + length) return;
    const status = received.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    received = '';
    if (isRunning) send();
  });
  socket.on('error', () => { errors += 1; });
  socket.on('close', () => { if (isRunning) connect(requests, send); });
  socket.start = send;
  return socket;
}

const sockets = [];
for (let number = 0; number < sources; number += 1) {
  const source = `198.18.${number >> 8}.${number & 255}`; // RFC 2544: for benchmarks
  for (let connection = 0; connection < connections; connection += 1) {
    const requests = requestsOf(source, number + connection);
    // One after the other: the storefront need not accept 4096 at once.
    await new Promise((opened) => { sockets.push(connect(requests, opened)); });
  }
}
process.send({ connected: sockets.length });

const answer = () => ({ statuses: { ...statuses }, errors, cpu: process.cpuUsage() });
process.on('message', (command) => {
  if (command === 'start') {
    isRunning = true;
    for (const socket of sockets) socket.start();
  }
  process.send(answer());
});
