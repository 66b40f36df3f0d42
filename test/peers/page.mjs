// A page behind a gate that isn't its own: it says whom the web server in front
// of it let in, by the headers that the server sets.
//
// node page.mjs PORT
import { createServer } from 'node:http';

createServer((request, response) => {
  const said = (name) => request.headers[`oidc_claim_${name}`] ?? 'nobody';
  response.end(`The page of ${said('name')}, ${said('email')}, by ${said('acr')}.\n`);
}).listen(process.argv[2], '127.0.0.1');
