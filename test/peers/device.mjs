// A device without a browser that knows nothing of Sallyport: openid-client asks
// for a code, shows it in a file, and waits for somebody to let it in.
//
// node device.mjs ISSUER CLIENT_ID
import { writeFileSync } from 'node:fs';
import { Issuer } from 'openid-client';

const [issuerURL, client_id] = process.argv.slice(2);
const issuer = await Issuer.discover(issuerURL);
const client = new issuer.Client({ client_id, token_endpoint_auth_method: 'none' });
const device = await client.deviceAuthorization({ scope: 'openid email offline_access' });
writeFileSync('device.url', device.verification_uri_complete);
const tokens = await device.poll();
console.log('let in', tokens.claims().email, tokens.claims().acr);
const fresh = await client.refresh(tokens);
console.log('refreshed', fresh.refresh_token !== tokens.refresh_token, fresh.claims().sub === tokens.claims().sub);
