// Makes every key of the tests, the provider's and its clients', in DIRECTORY: node gen-keys.mjs DIRECTORY
import * as crypto from 'node:crypto';
import { writeFileSync, mkdirSync } from 'node:fs';
import { calculateJwkThumbprint } from 'jose';

const kinds = {
  rsa: { alg: 'RS256', make: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  ec: { alg: 'ES256', make: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  ed: { alg: 'EdDSA', make: () => crypto.generateKeyPairSync('ed25519') },
};
const directory = process.argv[2];
mkdirSync(directory, { recursive: true });
const save = (name, text) => writeFileSync(`${directory}/${name}`, text, { mode: 0o600 });
const saveJwk = (name, jwk) => save(name, JSON.stringify(jwk, null, 1));

const own = [];
for (const { alg, make } of Object.values(kinds)) {
  const jwk = make().privateKey.export({ format: 'jwk' });
  own.push({ ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg });
}
saveJwk('op.jwks.json', { keys: own });

for (const [kind, { alg, make }] of Object.entries(kinds)) {
  const { privateKey, publicKey } = make();
  const about = { kid: `client-${kind}`, alg, use: 'sig' };
  const pem = (type) => privateKey.export({ type, format: 'pem' });
  save(`client-${kind}.pkcs8.pem`, pem('pkcs8'));
  if (kind === 'rsa') save('client-rsa.pkcs1.pem', pem('pkcs1'));
  if (kind === 'ec') save('client-ec.sec1.pem', pem('sec1'));
  saveJwk(`client-${kind}.jwk.json`, { ...privateKey.export({ format: 'jwk' }), ...about });
  saveJwk(`client-${kind}.pub.jwk.json`, { ...publicKey.export({ format: 'jwk' }), ...about });
}
