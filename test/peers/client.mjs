// An app that knows nothing of Sallyport: openid-client signs somebody in,
// refreshes, asks what a token is worth, revokes it, and signs them out; and it
// takes a back-channel logout. It says in files where its browser is to go, and
// prints what it saw.
//
// node client.mjs ISSUER PORT CLIENT_ID CLIENT_SECRET
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Issuer, generators } from 'openid-client';

const [issuerURL, port, client_id, client_secret] = process.argv.slice(2);
const here = `http://127.0.0.1:${port}`;
const issuer = await Issuer.discover(issuerURL);
const client = new issuer.Client({
  client_id, client_secret, redirect_uris: [`${here}/callback`], response_types: ['code'],
  post_logout_redirect_uris: [`${here}/bye`],
});

// next gives the request that comes to a path of this app.
const waiting = new Map();
const next = (path) => new Promise((resolve) => waiting.set(path, resolve));
const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  const resolve = waiting.get(new URL(request.url, here).pathname);
  response.end('This is the app.\n');
  resolve?.({ request, body });
});
await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));

const code_verifier = generators.codeVerifier();
const checks = { code_verifier, state: generators.state(), nonce: generators.nonce(), response_type: 'code', max_age: 3600 };
const called = next('/callback');
writeFileSync('signin.url', client.authorizationUrl({
  scope: 'openid profile email offline_access', code_challenge: generators.codeChallenge(code_verifier),
  code_challenge_method: 'S256', state: checks.state, nonce: checks.nonce, max_age: 3600,
}));
const { request } = await called;
const tokens = await client.callback(`${here}/callback`, client.callbackParams(request), checks);
console.log('signed in', tokens.claims().email, tokens.claims().acr, tokens.claims().amr.join(' '));
console.log('userinfo', (await client.userinfo(tokens)).name);

const fresh = await client.refresh(tokens);
console.log('refreshed', fresh.refresh_token !== tokens.refresh_token, fresh.claims().sub === tokens.claims().sub);
await client.revoke(fresh.access_token);
console.log('revoked', (await client.introspect(fresh.access_token)).active);
console.log('used again', await client.refresh(tokens.refresh_token).catch((e) => e.error));
console.log('the chain', await client.refresh(fresh.refresh_token).catch((e) => e.error));

const toldOf = next('/backchannel');
const bye = next('/bye');
writeFileSync('signout.url', client.endSessionUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${here}/bye`, state: 'the-state' }));
console.log('back', (await bye).request.url);
const token = new URLSearchParams((await toldOf).body).get('logout_token');
const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(issuer.metadata.jwks_uri)), {
  issuer: issuerURL, audience: client_id, typ: 'logout+jwt', requiredClaims: ['iat', 'exp', 'jti', 'events', 'sid'],
});
console.log('told', protectedHeader.alg, payload.sub === tokens.claims().sub, payload.sid === tokens.claims().sid, 'nonce' in payload);
server.close();
server.closeAllConnections();
