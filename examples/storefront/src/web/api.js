// Calls of the store's API, and their tokens.
//
// The tokens are in the two variables below and nowhere else: not in localStorage, sessionStorage or
// a cookie, where they would outlive the page, and not exported. docs/browser.md has the reasons.

/** The client id of this page. It is public, and gives no access to a customer's data. */
const CLIENT_ID = 'X';
/** Timeout of a call, in milliseconds. */
const PATIENCE = 20_000;
const TOKENS = '/v2/customers/tokens';

/** A promise of an access token: calls that begin together share one. */
let access;
/** The customer who is signed in: `{ id, token }`. A refresh replaces `token`. */
let customer;
let sessionIsOver = () => {};

/** A response with an error status, its errors, and the seconds of its Retry-After if it has one. */
export class Refused extends Error {
  constructor(status, errors = [], retryAfter = undefined) {
    super(`refused with ${status}`);
    Object.assign(this, { status, errors, retryAfter });
  }
}

/** No response: the browser is offline, or the store or the network is down. */
export class Unreachable extends Error {}

/** The customer has signed out since the call began: its result is not shown. */
export class Stale extends Error {}

/** Sets the function that is called when the store rejects the customer token. */
export function whenSessionIsOver(listener) {
  sessionIsOver = listener;
}

/** Signs in with `credentials`. Resolves with the customer's id, and when the token expires by this machine's clock. */
export async function signIn(credentials) {
  const { status, headers, body } = await authorized(TOKENS, 'POST', { type: 'token', ...credentials });
  if (status !== 200) throw refusal(status, headers, body);
  const { customer_id: id, token } = body.data;
  customer = { id, token };
  return { id, endsAt: expiry(headers, body) };
}

/** Replaces the customer token by a fresh one. Resolves with when that one expires. */
export async function refresh() {
  const asking = customer;
  const { headers, body } = await asCustomer(TOKENS, 'POST', { type: 'token', authentication_mechanism: 'customer_token' });
  // In place, so that calls with the previous token, which stays valid, are not stale.
  asking.token = body.data.token;
  return expiry(headers, body);
}

/** Forgets the customer. */
export function forget() {
  customer = undefined;
}

/** Forgets the customer at once, and ends the session. Resolves when the store has ended it. */
export async function signOut() {
  const token = customer?.token;
  forget();
  const { status, headers, body } = await authorized(TOKENS, 'DELETE', undefined, token);
  // 403: the store would not accept the token anyway.
  if (status !== 204 && status !== 403) throw refusal(status, headers, body);
}

/** Calls `path`, and resolves with the document in the response. */
export async function call(path, { method = 'GET', data } = {}) {
  return (await asCustomer(path, method, data)).body;
}

async function asCustomer(path, method, data) {
  const asking = customer;
  try {
    const answer = await authorized(path, method, data, asking?.token);
    // The customer token has expired or is revoked.
    if (answer.status === 403 && asking && asking === customer) {
      forget();
      sessionIsOver();
    }
    if (answer.status < 200 || answer.status > 299) throw refusal(answer.status, answer.headers, answer.body);
    if (asking === customer) return answer;
  } catch (error) {
    if (asking === customer) throw error;
  }
  throw new Stale();
}

/** When a token that was just issued expires. It is a time of the store's clock, and this machine's may be wrong. */
function expiry(headers, { data }) {
  const theirs = Date.parse(headers.get('date'));
  return data.expires * 1000 + (Number.isNaN(theirs) ? 0 : Date.now() - theirs);
}

/** One call. If the store rejects the access token, a second one with a fresh access token. */
async function authorized(path, method, data, token) {
  const used = accessToken();
  const answer = await send(path, method, data, token, await used);
  if (answer.status !== 401) return answer;
  // Of several calls that were rejected at once, one fetches another.
  if (access === used) access = undefined;
  return send(path, method, data, token, await accessToken());
}

function send(path, method, data, token, bearer) {
  const headers = { authorization: `Bearer ${bearer}` };
  if (token) headers['x-moltin-customer-token'] = token;
  if (data) headers['content-type'] = 'application/json';
  return exchange(path, { method, headers, body: data && JSON.stringify({ data }) });
}

function accessToken() {
  access ??= exchange('/oauth/access_token', {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'implicit', client_id: CLIENT_ID }),
  }).then(({ status, headers, body }) => {
    // This response is not about the customer. Only "not now" keeps its meaning.
    if (status !== 200) throw refusal([429, 503].includes(status) ? status : 500, headers, body);
    return body.access_token;
  });
  const asked = access;
  // After a failure, the next call tries again.
  asked.catch(() => { if (access === asked) access = undefined; });
  return asked;
}

async function exchange(path, options) {
  try {
    const answer = await fetch(path, {
      ...options,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: parsed(text) };
  } catch {
    throw new Unreachable();
  }
}

/** A response that is not JSON comes from something between this page and the store. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function refusal(status, headers, body) {
  const after = /^\d{1,6}$/.exec(headers.get('retry-after') ?? '');
  return new Refused(status, Array.isArray(body.errors) ? body.errors : [], after ? Number(after[0]) : undefined);
}
