// node mkjwt.mjs assertion <client_id> <issuer> rsa|ec|ed|hs:<secret>      -> client_assertion
// node mkjwt.mjs dpop <method> <url> [access_token] [nonce]                -> DPoP proof with keys/client-ec
import * as jose from 'jose';
import * as crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
const [kind, a, b, c, d] = process.argv.slice(2);
const jwk = (t) => JSON.parse(readFileSync(new URL(`keys/client-${t}.jwk.json`, import.meta.url)));
if (kind === 'assertion') {
  const j = c.startsWith('hs:') ? { alg: 'HS256' } : jwk(c);
  const key = c.startsWith('hs:') ? new TextEncoder().encode(c.slice(3)) : await jose.importJWK(j, j.alg);
  console.log(
    await new jose.SignJWT({})
      .setProtectedHeader({ alg: j.alg, kid: j.kid })
      .setIssuer(a)
      .setSubject(a)
      .setAudience(b)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(key),
  );
} else {
  const j = jwk('ec');
  const { d: _, use, alg, kid, ...pub } = j;
  console.log(
    await new jose.SignJWT({
      htm: a,
      htu: b,
      jti: crypto.randomUUID(),
      ...(c ? { ath: crypto.createHash('sha256').update(c).digest('base64url') } : {}),
      ...(d ? { nonce: d } : {}),
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: pub })
      .setIssuedAt()
      .sign(await jose.importJWK(j, 'ES256')),
  );
}
