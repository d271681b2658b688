// Makes keys and signs tokens with npm's jose, for as long as stdin is open: a JSON object a line in, one out.
//   {"make": "RS256", "jwk": {"kid": "a"}}                       -> {"key": 0, "public": {...}}
//   {"sign": 0, "header": {"alg": "RS256"}, "claims": {...}}     -> {"token": "..."}
//   {"secret": "s", "header": {"alg": "HS256"}, "claims": {...}} -> {"token": "..."}
//   {"encrypt": 0, "claims": {...}}                              -> {"token": "..."}
import * as jose from 'jose';
import { createInterface } from 'node:readline';

const keys = [];
const answer = async (ask) => {
  if (ask.make) {
    const { privateKey, publicKey } = await jose.generateKeyPair(ask.make, { extractable: true });
    keys.push({ privateKey, publicKey });
    return { key: keys.length - 1, public: { ...(await jose.exportJWK(publicKey)), ...ask.jwk } };
  }
  if (ask.encrypt !== undefined) {
    const header = { alg: 'RSA-OAEP-256', enc: 'A128GCM' };
    return { token: await new jose.EncryptJWT(ask.claims).setProtectedHeader(header).encrypt(keys[ask.encrypt].publicKey) };
  }
  const key = ask.secret === undefined ? keys[ask.sign].privateKey : new TextEncoder().encode(ask.secret);
  return { token: await new jose.SignJWT(ask.claims).setProtectedHeader(ask.header).sign(key) };
};
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }))));
}
