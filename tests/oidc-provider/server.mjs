// A certified OpenID Provider (npm oidc-provider) on loopback: a client for every grant, a log, and faults on order.
//   node server.mjs --port 4000 [--host 127.0.0.1] [--prefix /tenant1] [--login auto|html] [--log hits.ndjson]
//                   [--cert certs/server.pem --key certs/server.key [--client-ca certs/ca.pem]] [--until-eof]
// Prints "READY <issuer>" on stdout once it accepts connections. SIGTERM and SIGINT stop it, and with --until-eof the
// end of stdin, so that it never outlives a test that was killed. State is in memory only.
import * as http from 'node:http';
import * as https from 'node:https';
import * as crypto from 'node:crypto';
import { readFileSync, appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Provider, errors } from 'oidc-provider';
import * as jose from 'jose';

const here = (p) => fileURLToPath(new URL(p, import.meta.url));
const { values: opt } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    prefix: { type: 'string', default: '' },
    login: { type: 'string', default: 'auto' },
    cert: { type: 'string' },
    key: { type: 'string' },
    'client-ca': { type: 'string' },
    log: { type: 'string' },
    'until-eof': { type: 'boolean', default: false },
  },
});
const json = (p) => JSON.parse(readFileSync(here(p)));
const now = () => Math.floor(Date.now() / 1000);

// ---------------------------------------------------------------- listen first: the issuer needs the port
const tls = Boolean(opt.cert);
let handler = (req, res) => {
  res.statusCode = 503;
  res.end();
};
const server = tls
  ? https.createServer(
      {
        cert: readFileSync(opt.cert),
        key: readFileSync(opt.key),
        ...(opt['client-ca']
          ? { ca: readFileSync(opt['client-ca']), requestCert: true, rejectUnauthorized: false }
          : {}),
      },
      (q, s) => handler(q, s),
    )
  : http.createServer((q, s) => handler(q, s));
await new Promise((ok, no) => {
  server.once('error', no);
  server.listen(Number(opt.port), opt.host, ok);
});
const port = server.address().port;
const origin = `${tls ? 'https' : 'http'}://${opt.host.includes(':') ? `[${opt.host}]` : opt.host}:${port}`;
const issuer = `${origin}${opt.prefix}`;

// ---------------------------------------------------------------- storage: no LRU cap, atomic one-time use
const store = new Map(); // "Model:id" -> payload
const byGrant = new Map();
const byUid = new Map();
const byUserCode = new Map();
const familyRevoked = [];
const dead = new Set();
class Adapter {
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    if (dead.has(payload.grantId)) return; // issued while a replay was killing its family: stillborn
    store.set(this.key(id), { ...payload });
    if (this.model === 'Session') byUid.set(payload.uid, id);
    if (payload.userCode) byUserCode.set(payload.userCode, id);
    if (payload.grantId && this.model !== 'Session' && this.model !== 'Interaction') {
      if (!byGrant.has(payload.grantId)) byGrant.set(payload.grantId, new Set());
      byGrant.get(payload.grantId).add(this.key(id));
    }
  }
  async find(id) {
    return store.get(this.key(id));
  }
  async findByUid(uid) {
    return this.find(byUid.get(uid));
  }
  async findByUserCode(c) {
    return this.find(byUserCode.get(c));
  }
  async destroy(id) {
    store.delete(this.key(id));
  }
  async consume(id) {
    // two concurrent users of one refresh token / code: the second is a replay, the family dies
    const p = store.get(this.key(id));
    if (!p) throw new errors.InvalidGrant(`${this.model} gone`);
    if (p.consumed) {
      await this.revokeByGrantId(p.grantId);
      store.delete(`Grant:${p.grantId}`);
      throw new errors.InvalidGrant(`${this.model} already used (concurrent replay)`);
    }
    p.consumed = now();
  }
  async revokeByGrantId(grantId) {
    familyRevoked.push({ t: Date.now() / 1000, grantId, by: this.model });
    dead.add(grantId);
    for (const k of byGrant.get(grantId) ?? []) store.delete(k);
    byGrant.delete(grantId);
  }
}

// ---------------------------------------------------------------- clients
const pub = (t) => {
  const { alg, ...key } = json(`keys/client-${t}.pub.jwk.json`); // good for every algorithm of its kind
  return { keys: [key] };
};
const NATIVE = [
  'http://127.0.0.1/callback',
  'http://[::1]/callback',
  'http://localhost/callback',
  'http://127.0.0.1/',
  'http://127.0.0.1/cb',
  ...(tls ? [] : [`${issuer}/callback`]),
]; // no https loopback for native clients
const cc = (id, extra = {}) => ({
  client_id: id,
  client_secret: `${id}-secret`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  rig_ttl: 3600,
  ...extra,
});
const native = (id, extra = {}) => ({
  client_id: id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: NATIVE,
  rig_ttl: 3600,
  ...extra,
});
const device = (id, extra = {}) => ({
  client_id: id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  rig_ttl: 3600,
  ...extra,
});
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const HARD = 'p@:ss%41+w rd&x=y/?#"\'\\~'; // %41 turns into A, + into space, if sent raw in Basic
const clients = [
  cc('cc-basic'),
  cc('cc-post', { token_endpoint_auth_method: 'client_secret_post' }),
  cc('cc-2s', { rig_ttl: 2 }),
  cc('cc-5s', { rig_ttl: 5 }),
  cc('cc-60s', { rig_ttl: 60 }),
  cc('cc-1h', { rig_ttl: 3600 }),
  cc('cc-encoded', { client_secret: HARD }),
  cc('cc-encoded-post', { client_secret: HARD, token_endpoint_auth_method: 'client_secret_post' }),
  cc('cc:colon %2B+id', { client_secret: HARD }),
  cc('cc-expired-secret', { client_secret_expires_at: 1 }),
  cc('cc-secret-jwt', {
    client_secret: 'cc-secret-jwt-secret-0123456789abcdef',
    token_endpoint_auth_method: 'client_secret_jwt',
    token_endpoint_auth_signing_alg: 'HS256',
  }),
  cc('cc-pkjwt-rs256', {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pub('rsa'),
  }),
  cc('cc-pkjwt-es256', {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pub('ec'),
  }),
  cc('cc-pkjwt-eddsa', {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pub('ed'),
  }),
  ...['ec', 'rsa'].map((kind) =>
    cc(`bearer-${kind}`, {
      client_secret: undefined,
      token_endpoint_auth_method: 'none',
      grant_types: [JWT_BEARER],
      rig_key: kind,
    }),
  ),
  cc('exchange', { client_secret: undefined, token_endpoint_auth_method: 'none', grant_types: [EXCHANGE] }),
  cc('bearer-pkjwt', {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pub('ec'),
    grant_types: [JWT_BEARER],
    rig_key: 'ec',
  }),
  cc('cc-jwt-at', { rig_resource: 'https://api.rig.test/jwt' }),
  cc('cc-dpop', { dpop_bound_access_tokens: true }),
  cc('cc-dpop-nonce', { dpop_bound_access_tokens: true }),
  native('pkce'),
  native('pkce-2s', { rig_ttl: 2 }),
  native('pkce-60s', { rig_ttl: 60 }),
  native('pkce-offline', { rig_offline_only: true }),
  native('pkce-norotate', { rig_rotate: false, rig_ttl: 2 }),
  native('pkce-rt3s', { rig_ttl: 2, rig_rt_ttl: 3 }),
  native('pkce-norefresh', { grant_types: ['authorization_code'] }),
  native('pkce-html', { rig_login: 'html' }),
  native('pkce-pkjwt', { token_endpoint_auth_method: 'private_key_jwt', jwks: pub('ec') }),
  native('pkce-par', { require_pushed_authorization_requests: true }),
  native('pkce-dpop', { dpop_bound_access_tokens: true }),
  native('pkce-confidential', {
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: 'pkce-confidential-secret',
  }),
  {
    ...native('code-web', {
      token_endpoint_auth_method: 'client_secret_post',
      client_secret: 'code-web-secret',
    }),
    application_type: 'web',
    redirect_uris: [`${issuer}/callback`, 'http://127.0.0.1:18765/callback'],
    rig_no_pkce: true,
  },
  device('device'),
  device('device-fast', { rig_interval: 1 }),
  device('device-slow', { rig_interval: 1, rig_slow_down: true }),
  device('device-2s', { rig_interval: 1, rig_ttl: 2 }),
  device('device-expires3s', { rig_interval: 1, rig_dc_ttl: 3 }),
  device('device-pkjwt', {
    rig_interval: 1,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pub('rsa'),
  }),
  device('device-basic', {
    rig_interval: 1,
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: 'device-basic-secret',
  }),
  ...(tls && opt['client-ca']
    ? [
        cc('cc-mtls', {
          client_secret: undefined,
          token_endpoint_auth_method: 'tls_client_auth',
          tls_client_auth_subject_dn: 'CN=tls-client',
        }),
        cc('cc-mtls-bound', {
          client_secret: undefined,
          token_endpoint_auth_method: 'tls_client_auth',
          tls_client_auth_san_dns: 'tls-client.rig.test',
          tls_client_certificate_bound_access_tokens: true,
        }),
      ]
    : []),
];
const SCOPES = ['openid', 'offline_access', 'profile', 'email', 'api:read', 'api:write'];
const RESOURCES = {
  'https://api.rig.test/opaque': { scope: 'api:read api:write', accessTokenFormat: 'opaque' },
  'https://api.rig.test/jwt': {
    scope: 'api:read api:write',
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  },
  'https://api.rig.test/jwt-short': {
    scope: 'api:read api:write',
    accessTokenFormat: 'jwt',
    accessTokenTTL: 5,
    jwt: { sign: { alg: 'ES256' } },
  },
};
const ttlOf = (ctx, token, client) =>
  client?.rig_ttl && !token.resourceServer?.accessTokenTTL
    ? client.rig_ttl
    : (token.resourceServer?.accessTokenTTL ?? client?.rig_ttl ?? 3600);

const jwksPublic = jose.createLocalJWKSet({
  keys: json('keys/op.jwks.json').keys.map(({ d, p, q, dp, dq, qi, ...k }) => k),
});
const peer = (ctx) => ctx.socket.getPeerCertificate?.();
const provider = new Provider(issuer, {
  adapter: Adapter,
  clients,
  extraClientMetadata: {
    properties: [
      'rig_ttl',
      'rig_rt_ttl',
      'rig_dc_ttl',
      'rig_interval',
      'rig_slow_down',
      'rig_resource',
      'rig_login',
      'rig_rotate',
      'rig_offline_only',
      'rig_no_pkce',
      'rig_key',
    ],
  },
  jwks: json('keys/op.jwks.json'),
  scopes: SCOPES,
  responseTypes: ['code'],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
  clockTolerance: 0,
  cookies: { keys: ['rig-cookie-key'] },
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'none',
    ...(tls && opt['client-ca'] ? ['tls_client_auth'] : []),
  ],
  enabledJWA: {
    clientAuthSigningAlgValues: [
      ...['HS256', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
      ...['ES256', 'EdDSA', 'Ed25519'],
    ],
  },
  pkce: { required: (ctx, client) => !client.rig_no_pkce },
  interactions: { url: (ctx, i) => `${opt.prefix}/interaction/${i.uid}` },
  findAccount: (ctx, sub) => ({
    accountId: sub,
    claims: async () => ({
      sub,
      name: `User ${sub}`,
      preferred_username: sub,
      email: `${sub}@rig.test`,
      email_verified: true,
    }),
  }),
  issueRefreshToken: async (ctx, client, source) =>
    client.grantTypeAllowed('refresh_token') &&
    (!client.rig_offline_only || source.scopes.has('offline_access')),
  rotateRefreshToken: (ctx) => ctx.oidc.client.rig_rotate !== false,
  expiresWithSession: async () => false,
  // every authorization gets its own grant (= token family), so replay detection kills one login, not all
  loadExistingGrant: async (ctx) => {
    const id = ctx.oidc.result?.consent?.grantId;
    return id ? ctx.oidc.provider.Grant.find(id) : undefined;
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    deviceFlow: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: {
      enabled: true,
      nonceSecret: crypto.randomBytes(32),
      requireNonce: (ctx) => ctx.oidc.client?.clientId?.endsWith('-nonce') ?? false,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (ctx, client, oneOf) => oneOf?.[0] ?? client.rig_resource,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (ctx, r) => {
        if (!RESOURCES[r]) throw new errors.InvalidTarget();
        return RESOURCES[r];
      },
    },
    ...(tls && opt['client-ca']
      ? {
          mTLS: {
            enabled: true,
            certificateBoundAccessTokens: true,
            tlsClientAuth: true,
            getCertificate: (ctx) => {
              const c = peer(ctx);
              return c?.raw
                ? `-----BEGIN CERTIFICATE-----\n${c.raw
                    .toString('base64')
                    .match(/.{1,64}/g)
                    .join('\n')}\n-----END CERTIFICATE-----\n`
                : undefined;
            },
            certificateAuthorized: (ctx) => ctx.socket.authorized === true,
            certificateSubjectMatches: (ctx, prop, want) =>
              prop === 'tls_client_auth_subject_dn'
                ? `CN=${peer(ctx).subject.CN}` === want
                : prop === 'tls_client_auth_san_dns'
                  ? (peer(ctx).subjectaltname ?? '').split(', ').includes(`DNS:${want}`)
                  : false,
          },
        }
      : {}),
  },
  ttl: {
    AccessToken: ttlOf,
    ClientCredentials: ttlOf,
    AuthorizationCode: 60,
    IdToken: (c, t, client) => client.rig_ttl ?? 3600,
    RefreshToken: (c, t, client) => client.rig_rt_ttl ?? 14 * 86400,
    DeviceCode: (c, t, client) => client.rig_dc_ttl ?? 600,
    Interaction: 600,
    Session: 86400,
    Grant: 14 * 86400,
  },
});
provider.proxy = false;
provider.on('server_error', (ctx, e) => console.error('server_error', e));

// RFC 7523 section 2.1: an assertion of the client's key, for this server, good once. jose checks it.
const assertions = new Set();
const own = async (ctx, extra) => {
  const { client } = ctx.oidc;
  const scope = SCOPES.filter((one) => extra.scope.split(' ').includes(one)).join(' ') || undefined;
  const token = new provider.ClientCredentials({ client, scope });
  ctx.body = {
    access_token: await token.save(),
    expires_in: token.expiration,
    token_type: token.tokenType,
    scope,
    ...extra.body,
  };
};
provider.registerGrantType(
  JWT_BEARER,
  async (ctx) => {
    const { client, params } = ctx.oidc;
    try {
      const { payload } = await jose.jwtVerify(params.assertion, jose.createLocalJWKSet(pub(client.rig_key)), {
        audience: [issuer, `${issuer}/token`],
        requiredClaims: ['iss', 'sub', 'exp', 'iat', 'jti'],
        maxTokenAge: 120,
      });
      if (assertions.has(payload.jti)) throw new Error('used before');
      assertions.add(payload.jti);
      await own(ctx, { scope: payload.scope ?? params.scope ?? '' });
    } catch (e) {
      throw new errors.InvalidGrant(e.message);
    }
  },
  ['assertion', 'scope'],
);

// RFC 8693: one of this server's own access tokens for one of the asking client's.
provider.registerGrantType(
  EXCHANGE,
  async (ctx) => {
    const { params } = ctx.oidc;
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    if (params.subject_token_type !== type) throw new errors.InvalidRequest('subject_token_type');
    const subject = await provider.ClientCredentials.find(params.subject_token ?? '');
    if (!subject || subject.isExpired) throw new errors.InvalidGrant('subject_token');
    const has = (subject.scope ?? '').split(' ');
    const scope = (params.scope ?? '').split(' ').filter((one) => has.includes(one)).join(' ');
    await own(ctx, { scope, body: { issued_token_type: type } });
  },
  ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'],
);

// device flow: add "interval", and slow_down for clients that ask for it (oidc-provider has neither)
const lastPoll = new Map();
provider.use(async (ctx, next) => {
  await next();
  const client = ctx.oidc?.entities?.Client;
  if (client?.rig_interval && ctx.path.endsWith('/device/auth') && ctx.body?.device_code) {
    ctx.body = { ...ctx.body, interval: client.rig_interval };
  }
  if (client?.rig_slow_down && ctx.body?.error === 'authorization_pending') {
    const k = ctx.oidc.params.device_code;
    const s = lastPoll.get(k) ?? { at: 0, interval: client.rig_interval };
    const t = Date.now();
    if (s.at && t - s.at < s.interval * 1000 - 50) {
      s.interval += 5;
      ctx.body = { error: 'slow_down', error_description: 'polling too fast' };
    }
    s.at = t;
    lastPoll.set(k, s);
  }
});

// ---------------------------------------------------------------- recording, faults
let stats;
let log;
const faults = [];
const reset = () => {
  stats = {
    since: Date.now() / 1000,
    token_hits: 0,
    clients: {},
    endpoints: {},
    api: {},
    in_flight: 0,
    max_in_flight: 0,
  };
  log = [];
  familyRevoked.length = 0;
};
reset();
const dec = (s) => {
  try {
    return decodeURIComponent(s.replace(/\+/g, ' '));
  } catch {
    return s;
  }
};
function who(req, body) {
  const f = new URLSearchParams((req.headers['content-type'] ?? '').includes('urlencoded') ? body : '');
  const a = req.headers.authorization ?? '';
  let client = f.get('client_id');
  let auth = 'none';
  if (/^basic /i.test(a)) {
    auth = 'client_secret_basic';
    client = dec(Buffer.from(a.slice(6), 'base64').toString().split(':')[0]);
  } else if (f.get('client_secret') !== null) auth = 'client_secret_post';
  else if (f.get('client_assertion')) {
    auth = 'client_assertion';
    try {
      client = jose.decodeJwt(f.get('client_assertion')).sub;
    } catch {
      /* unreadable */
    }
  }
  return { client: client ?? '?', auth, grant: f.get('grant_type') ?? undefined };
}
function send(res, status, obj, headers = {}) {
  const b = typeof obj === 'string' ? obj : `${JSON.stringify(obj, null, 1)}\n`;
  res.writeHead(status, {
    'content-type': typeof obj === 'string' ? 'text/html; charset=utf-8' : 'application/json',
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(b);
}
function hold(req) {
  // keep the body back until it is complete, then hand it on untouched
  const push = req.push.bind(req);
  const chunks = [];
  return new Promise((ok) => {
    req.push = (c) => {
      if (c !== null) {
        chunks.push(c);
        return true;
      }
      ok({
        body: Buffer.concat(chunks).toString('latin1'),
        replay: () => {
          for (const x of chunks) push(x);
          push(null);
        },
      });
      return false;
    };
  });
}
const sleep = (ms) =>
  new Promise((r) => {
    setTimeout(r, ms);
  });

// ---------------------------------------------------------------- protected resource
async function api(req, res, url, body) {
  const [scheme, token] = (req.headers.authorization ?? '').split(' ');
  const bump = (k) => {
    stats.api[k] = (stats.api[k] ?? 0) + 1;
  };
  const deny = (status, error, why, sch = 'Bearer') => {
    bump(error ?? 'no_token');
    send(
      res,
      status,
      { error: error ?? 'unauthorized', error_description: why },
      {
        'www-authenticate': `${sch} realm="rig"${error ? `, error="${error}", error_description="${why}"` : ''}`,
      },
    );
  };
  if (!token || !/^(bearer|dpop)$/i.test(scheme)) return deny(401, undefined, 'no bearer token');
  let t = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
  if (!t && token.split('.').length === 3) {
    try {
      const { payload } = await jose.jwtVerify(token, jwksPublic, { issuer, typ: 'at+jwt' });
      t = {
        clientId: payload.client_id,
        accountId: payload.sub,
        scope: payload.scope,
        exp: payload.exp,
        aud: payload.aud,
        jkt: payload.cnf?.jkt,
        'x5t#S256': payload.cnf?.['x5t#S256'],
        isExpired: payload.exp <= now(),
      };
    } catch {
      return deny(401, 'invalid_token', 'the access token is expired, revoked or unknown');
    }
  }
  if (!t || t.isExpired) return deny(401, 'invalid_token', 'the access token is expired, revoked or unknown');
  if (t['x5t#S256']) {
    const raw = req.socket.getPeerCertificate?.()?.raw;
    if (!raw || crypto.createHash('sha256').update(raw).digest('base64url') !== t['x5t#S256'])
      return deny(401, 'invalid_token', 'certificate does not match');
  }
  if (t.jkt) {
    if (scheme.toLowerCase() !== 'dpop') return deny(401, 'invalid_token', 'token is DPoP-bound', 'DPoP');
    try {
      const { payload, protectedHeader } = await jose.jwtVerify(req.headers.dpop ?? '', jose.EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256', 'EdDSA', 'RS256'],
      });
      const ok =
        payload.htm === req.method &&
        payload.htu === `${origin}${url.pathname}` &&
        Math.abs(now() - payload.iat) < 300 &&
        payload.ath === crypto.createHash('sha256').update(token).digest('base64url') &&
        (await jose.calculateJwkThumbprint(protectedHeader.jwk)) === t.jkt;
      if (!ok) throw new Error('mismatch');
    } catch (e) {
      return deny(401, 'invalid_dpop_proof', String(e.message).replace(/"/g, "'"), 'DPoP');
    }
  }
  const need = url.searchParams.get('need');
  if (need && !(t.scope ?? '').split(' ').includes(need))
    return deny(403, 'insufficient_scope', `needs ${need}`);
  bump('ok');
  return send(res, 200, {
    ok: true,
    client_id: t.clientId,
    sub: t.accountId ?? null,
    scope: t.scope ?? null,
    aud: t.aud ?? null,
    exp: t.exp,
    ttl_left: t.exp - now(),
    scheme,
    method: req.method,
    path: url.pathname,
    body: body || undefined,
  });
}

// ---------------------------------------------------------------- login and consent
const esc = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
async function consent(d) {
  const grant = new provider.Grant({
    accountId: d.session?.accountId ?? d.result?.login?.accountId,
    clientId: d.params.client_id,
  });
  grant.addOIDCScope(SCOPES.join(' '));
  for (const r of Object.keys(RESOURCES)) grant.addResourceScope(r, RESOURCES[r].scope);
  return { consent: { grantId: await grant.save() } };
}
async function interaction(req, res, url, body) {
  let d;
  try {
    d = await provider.interactionDetails(req, res);
  } catch {
    return send(res, 400, { error: 'no interaction session (cookie missing?)' });
  }
  const client = await provider.Client.find(d.params.client_id);
  const finish = (r) => provider.interactionFinished(req, res, r, { mergeWithLastSubmission: !r.error });
  const deniedResult = { error: 'access_denied', error_description: 'End-User aborted interaction' };
  const auto = opt.login === 'auto' && client.rig_login !== 'html';
  if (req.method === 'POST') {
    const f = new URLSearchParams(body);
    if (f.get('abort')) return finish(deniedResult);
    if (d.prompt.name === 'login')
      return f.get('username')
        ? finish({ login: { accountId: f.get('username') } })
        : send(res, 400, { error: 'username missing' });
    return finish(await consent(d));
  }
  if (auto) {
    const cookieAs = /(?:^|; )rig_as=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
    const as = cookieAs ?? d.params.login_hint ?? 'alice';
    if (as === 'deny') return finish(deniedResult);
    if (d.prompt.name === 'login') return finish({ login: { accountId: as } });
    return finish(await consent(d));
  }
  const credentials =
    '<input name="username" value="alice"><input name="password" type="password" value="any">';
  return send(
    res,
    200,
    `<!DOCTYPE html><title>${d.prompt.name}</title><h1>${d.prompt.name} for ${esc(d.params.client_id)}</h1>
<p>scope: ${esc(d.params.scope ?? '')}</p><form method="post" action="${esc(url.pathname)}">
${d.prompt.name === 'login' ? credentials : ''}
<button name="go" value="1">Continue</button><button name="abort" value="1">Deny</button></form>`,
  );
}

// a tiny browser, so a test can approve a device code with one request
async function browse(method, path, jar, form) {
  for (let i = 0; i < 15; i++) {
    const u = new URL(path, origin);
    const r = await new Promise((ok, no) => {
      const q = (tls ? https : http).request(
        u,
        {
          method,
          rejectUnauthorized: false,
          agent: false,
          headers: {
            cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '),
            'user-agent': 'rig-browser',
            ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
          },
        },
        (m) => {
          const c = [];
          m.on('data', (x) => c.push(x));
          m.on('end', () => ok({ m, text: Buffer.concat(c).toString() }));
        },
      );
      q.on('error', no);
      q.end(form ? new URLSearchParams(form).toString() : undefined);
    });
    for (const c of r.m.headers['set-cookie'] ?? []) {
      const [kv] = c.split(';');
      const j = kv.indexOf('=');
      if (kv.slice(j + 1)) jar.set(kv.slice(0, j), kv.slice(j + 1));
      else jar.delete(kv.slice(0, j));
    }
    if (!r.m.headers.location) return { status: r.m.statusCode, text: r.text };
    path = r.m.headers.location;
    method = 'GET';
    form = undefined;
    if (new URL(path, origin).origin !== origin) return { status: r.m.statusCode, text: path };
  }
  return { status: 508, text: 'too many redirects' };
}
async function decideDevice(res, q, approve) {
  const jar = new Map([['rig_as', q.get('as') ?? 'alice']]);
  const user_code = q.get('user_code') ?? '';
  const page = await browse('GET', `${opt.prefix}/device`, jar);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1];
  const r = await browse('POST', `${opt.prefix}/device`, jar, {
    xsrf,
    user_code,
    ...(approve ? { confirm: 'yes' } : { abort: 'yes' }),
  });
  const ok = approve ? r.text.includes('Sign-in Success') : r.text.includes('interrupted');
  send(res, ok ? 200 : 400, {
    ok,
    status: r.status,
    title: /<title>([^<]*)/.exec(r.text)?.[1],
    text: ok
      ? undefined
      : r.text
          .replace(/<style>[^]*<\/style>|<[^>]+>/g, ' ')
          .replace(/\s+/g, ' ')
          .slice(0, 300),
  });
}

// ---------------------------------------------------------------- front door
const op = provider.callback();
handler = async (req, res) => {
  const t0 = Date.now();
  const held = hold(req);
  const url = new URL(req.url, origin);
  let path = url.pathname;
  const chunks = [];
  const { write, end } = res;
  res.write = function w(c, ...a) {
    if (c && typeof c !== 'function') chunks.push(Buffer.from(c));
    return write.call(this, c, ...a);
  };
  res.end = function e(c, ...a) {
    if (c && typeof c !== 'function') chunks.push(Buffer.from(c));
    return end.call(this, c, ...a);
  };
  const { body, replay } = await held;
  const isRig = /^\/(stats|log|rig)(\/|$)/.test(path);
  const id = who(req, body);
  const tokenHit = req.method === 'POST' && path === `${opt.prefix}/token`;
  if (!isRig) {
    const endpoint = `${req.method} ${path.replace(/\/(interaction|auth)\/[\w-]{20,}/, '/$1/:uid')}`;
    stats.endpoints[endpoint] = (stats.endpoints[endpoint] ?? 0) + 1;
    if (tokenHit) {
      stats.token_hits++;
      stats.in_flight++;
      stats.max_in_flight = Math.max(stats.max_in_flight, stats.in_flight);
    }
    res.on('close', () => {
      let error;
      if (res.statusCode >= 400) {
        try {
          error = JSON.parse(Buffer.concat(chunks)).error;
        } catch {
          error = 'non-json';
        }
      }
      if (tokenHit) {
        stats.in_flight--;
        const g = ((stats.clients[id.client] ??= {})[id.grant ?? '?'] ??= { hits: 0, ok: 0, errors: {} });
        g.hits++;
        g.auth = id.auth;
        if (res.statusCode < 300) g.ok++;
        else g.errors[error] = (g.errors[error] ?? 0) + 1;
      }
      const entry = {
        t: t0 / 1000,
        ms: Date.now() - t0,
        method: req.method,
        url: req.url,
        http: req.httpVersion,
        headers: req.headers,
        body: body.slice(0, 20000),
        ...id,
        status: res.statusCode,
        error,
        finished: res.writableFinished,
        response: path.startsWith('/interaction')
          ? undefined
          : Buffer.concat(chunks).toString().slice(0, 4000),
      };
      log.push(entry);
      if (log.length > 5000) log.shift();
      if (opt.log) appendFileSync(opt.log, `${JSON.stringify(entry)}\n`);
    });
  }
  try {
    if (path === '/stats') return send(res, 200, { ...stats, family_revoked: familyRevoked.length, faults });
    if (path === '/stats/reset' && req.method === 'POST') {
      reset();
      faults.length = 0;
      return send(res, 200, { ok: true });
    }
    if (path === '/log') return send(res, 200, log.slice(-Number(url.searchParams.get('n') ?? 100)));
    if (path === '/rig/clients')
      return send(
        res,
        200,
        clients.map(({ jwks, ...c }) => c),
      );
    if (path === '/rig/device/approve') return await decideDevice(res, url.searchParams, true);
    if (path === '/rig/device/deny') return await decideDevice(res, url.searchParams, false);
    if (path === '/rig/revoke-client') {
      // kill every token of a client server-side, without telling anyone
      const c = url.searchParams.get('client_id');
      let n = 0;
      for (const [k, p] of store)
        if (p.clientId === c && /^(AccessToken|ClientCredentials|RefreshToken|Grant):/.test(k)) {
          store.delete(k);
          n++;
        }
      return send(res, 200, { ok: true, deleted: n });
    }
    // {"path":"/token","client":"cc-basic","grant":"refresh_token","times":2,"status":503,
    //  "headers":{"retry-after":"1"},"body":"busy","delay_ms":0,"reset":false,"drop_after":false}
    if (path === '/rig/fault' && req.method === 'POST') {
      faults.push({ path: `${opt.prefix}/token`, times: 1, ...JSON.parse(body) });
      return send(res, 200, faults);
    }
    if (path === '/rig/fault' && req.method === 'DELETE') {
      faults.length = 0;
      return send(res, 200, faults);
    }
    const f = faults.find(
      (x) =>
        x.times > 0 &&
        x.path === path &&
        (!x.client || x.client === id.client) &&
        (!x.grant || x.grant === id.grant),
    );
    if (f) {
      f.times--;
      if (f.delay_ms) await sleep(f.delay_ms);
      if (f.reset) return req.socket.resetAndDestroy();
      if (f.status) {
        res.writeHead(f.status, { 'content-type': 'application/json', ...f.headers });
        return res.end(f.body ?? '');
      }
      if (f.drop_after) {
        res.write = () => true;
        res.writeHead = () => res;
        res.end = () => {
          req.socket.resetAndDestroy();
          return res;
        };
      } // the server acts, the answer is lost
    }
    if (path.startsWith('/api/')) return await api(req, res, url, body);
    if (path === `${opt.prefix}/callback`) return send(res, 200, Object.fromEntries(url.searchParams));
    if (opt.prefix && path === `/.well-known/oauth-authorization-server${opt.prefix}`) {
      path = '/.well-known/oauth-authorization-server';
      req.originalUrl = `${opt.prefix}${path}`;
      req.url = path;
    } else if (opt.prefix) {
      if (!path.startsWith(`${opt.prefix}/`)) return send(res, 404, { error: 'not_found' });
      req.originalUrl = req.url;
      req.url = req.url.slice(opt.prefix.length);
    }
    if (path.startsWith(`${opt.prefix}/interaction/`)) {
      replay();
      req.resume();
      return await interaction(req, res, url, body);
    }
    op(req, res);
    return replay();
  } catch (e) {
    console.error(e);
    if (!res.headersSent) send(res, 500, { error: 'rig', error_description: String(e) });
    return undefined;
  }
};

const stop = () => {
  server.close();
  server.closeAllConnections();
  process.exit(0);
};
for (const s of ['SIGTERM', 'SIGINT']) process.on(s, stop);
if (opt['until-eof']) process.stdin.on('end', stop).resume();
console.log(`READY ${issuer}`);
