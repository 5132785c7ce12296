// Calls of the store's API, and the tokens that open it.
//
// The tokens are in the two variables below and nowhere else: not in localStorage, sessionStorage or
// a cookie, where they would outlive the page, and not exported. docs/browser.md says why.

/** Which client this page is. It stands here for everybody to read, and opens no customer's data. */
const CLIENT_ID = 'X';
/** How long an answer is waited for. */
const PATIENCE = 20_000;

/** A promise of an access token: calls that begin together share one. */
let access;
/** Who is signed in: `{ id, token }`. */
let customer;
let sessionIsOver = () => {};

/** The store has refused: a status, its errors, and perhaps after how many seconds to try again. */
export class Refused extends Error {
  constructor(status, errors = [], retryAfter = undefined) {
    super(`refused with ${status}`);
    Object.assign(this, { status, errors, retryAfter });
  }
}

/** No answer came: offline, the store is down, or something on the way is. */
export class Unreachable extends Error {}

/** Whoever asked has signed out meanwhile. There is nobody to tell. */
export class Stale extends Error {}

/** Names who is told when the store no longer takes the customer token. */
export function whenSessionIsOver(listener) {
  sessionIsOver = listener;
}

/** Signs in by `credentials`; resolves with the customer's id and the end of the token, by this machine's clock. */
export async function signIn(credentials) {
  const { status, headers, body } = await authorized('/v2/customers/tokens', 'POST', { type: 'token', ...credentials });
  if (status !== 200) throw refusal(status, headers, body);
  const { customer_id: id, token, expires } = body.data;
  customer = { id, token };
  // The end is a time of the store's clock, and this machine's may be wrong.
  const theirs = Date.parse(headers.get('date'));
  return { id, endsAt: expires * 1000 + (Number.isNaN(theirs) ? 0 : Date.now() - theirs) };
}

/** Forgets who is signed in. */
export function signOut() {
  customer = undefined;
}

/** Asks for `path`, and resolves with the document that comes back. */
export async function call(path, { method = 'GET', data } = {}) {
  const asking = customer;
  try {
    const { status, headers, body } = await authorized(path, method, data, asking?.token);
    // 403 is what the store says of a customer token that has ended or was revoked.
    if (status === 403 && asking && asking === customer) {
      signOut();
      sessionIsOver();
    }
    if (status < 200 || status > 299) throw refusal(status, headers, body);
    if (asking === customer) return body;
  } catch (error) {
    if (asking === customer) throw error;
  }
  throw new Stale();
}

/** One call; with a fresh access token a second one, if the store doesn't take the first. */
async function authorized(path, method, data, token) {
  const used = accessToken();
  const answer = await send(path, method, data, token, await used);
  if (answer.status !== 401) return answer;
  // Of several calls that were refused together, one fetches another.
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
    // A refusal here says nothing of the customer: only "not now" keeps its meaning.
    if (status !== 200) throw refusal([429, 503].includes(status) ? status : 500, headers, body);
    return body.access_token;
  });
  const asked = access;
  // A failure is not kept: the next call asks again.
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

/** What is no JSON comes from something between this page and the store. */
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
