// Signing in at an OpenID provider: the way there, and the way back.
//
// The page makes three secrets. The code verifier proves to the provider that whoever exchanges the
// code is who asked for it (PKCE, RFC 7636). `state` proves to the page that the answer belongs to
// its own question: without it, somebody could sign a shopper in as somebody else. The nonce ties
// the ID token to this sign-in, and is the code challenge, so that the store can check it without
// keeping anything.

const KEY = 'storefront.sign-in';
/** As the provider has it registered, and the store in STOREFRONT_OIDC_REDIRECT_URI. */
const REDIRECT_URI = `${location.origin}/`;

/** Whether this page can do it: WebCrypto is there only over https and on one's own machine. */
export const isPossible = window.isSecureContext;

/** Sends the browser to the provider. */
export async function leave(profile, authorizationEndpoint) {
  const [verifier, state] = [random(), random()];
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const address = new URL(authorizationEndpoint);
  // What comes from a discovery document must not become a `javascript:` address.
  if (!['https:', 'http:'].includes(address.protocol)) throw new Error('the authorization endpoint is no web address');
  const question = {
    response_type: 'code',
    client_id: profile.client_id,
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile email',
    state,
    nonce: challenge,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(question)) address.searchParams.set(name, value);
  // The one thing that has to outlive the page. It is read once, and removed as it is read.
  sessionStorage.setItem(KEY, JSON.stringify({ state, verifier, name: profile.name, issuer: profile.meta.issuer }));
  location.assign(address);
}

/**
 * Takes the provider's answer out of the page's address: `undefined` where there is none, otherwise
 * `{ name, credentials }` or `{ name, failure }`.
 */
export function comeBack() {
  const answer = new URLSearchParams(location.search);
  const kept = taken();
  if (!['code', 'error', 'state'].some((name) => answer.has(name))) return undefined;
  // At once: an address is kept in the history, is shown, is copied.
  history.replaceState(null, '', '/');
  const only = (name) => (answer.getAll(name).length === 1 ? answer.get(name) : undefined);
  if (!kept || only('state') !== kept.state) return { failure: 'foreign' };
  const { name, issuer, verifier } = kept;
  // RFC 9207: a provider that names itself must be the one that was asked.
  if (answer.has('iss') && only('iss') !== issuer) return { name, failure: 'foreign' };
  if (answer.has('error')) return { name, failure: only('error') === 'access_denied' ? 'declined' : 'failed' };
  const code = only('code');
  if (!code) return { name, failure: 'failed' };
  const credentials = {
    authentication_mechanism: 'oidc',
    oauth_authorization_code: code,
    oauth_redirect_uri: REDIRECT_URI,
    oauth_code_verifier: verifier,
  };
  return { name, credentials };
}

/** What the page kept when it left. Whoever has not come back with an answer has given it up. */
function taken() {
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return JSON.parse(kept);
  } catch {
    return null;
  }
}

/** 32 random bytes as 43 characters, which is what RFC 7636 section 4.1 recommends. */
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
