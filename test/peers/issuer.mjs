// Somebody else's issuer: oidc-provider, with one person, Zoe, who signs in by
// coming by, with MFA.
//
// node issuer.mjs PORT CODE_URL CLIENT_SECRET
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, code, client_secret] = process.argv.slice(2);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: 'code', client_secret, redirect_uris: [`${code}/login/callback`], response_types: ['code'],
    grant_types: ['authorization_code'], backchannel_logout_uri: `${code}/login/backchannel-logout`, backchannel_logout_session_required: true,
  }],
  acrValues: ['aal1', 'aal2'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['a test has no secrets'] },
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: false }, introspection: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: 'Zoe', email: 'zoe@example.com', email_verified: true }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true, methods: ['S256'] },
  // Whoever hosts Code on this machine is reached by plain http.
  httpOptions: () => ({ timeout: 5000 }),
});

const answer = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'zoe', acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile email');
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}).listen(port);
