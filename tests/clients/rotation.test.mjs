import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startReceiver();
after(() => slack.stop());
const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_PROVIDERS__WEBEX_MESSAGING__BASE_URL: slack.url },
});
after(() => server.stop());

const { api, ...make } = world(server);
const root = '/v1/channel-connections';
const credentials = { clientId: 'client', secretKey: 'canary-client-secret' };
const integration = await make.integration({ credentials });
const webex = await make.integration({ providerId: 'webex-messaging', credentials });

/** What the vendor says for each refresh token; a pair of its own when nothing was said. */
const said = new Map();
const exchange = (request) => {
  const form = new URLSearchParams(request.text);
  assert.equal(form.get('grant_type'), 'refresh_token');
  assert.deepEqual([form.get('client_id'), form.get('client_secret')], ['client', 'canary-client-secret']);
  const token = form.get('refresh_token');
  const word = token.replace('xoxe-1-', '');
  return said.get(token) ?? { body: { ok: true, access_token: `xoxe.xoxb-new-${word}`, refresh_token: `xoxe-1-new-${word}`, expires_in: 43200 } };
};
slack.answers('/api/oauth.v2.access', exchange);
slack.answers('/v1/access_token', exchange);
slack.answers('/api/auth.revoke', { body: { ok: true, revoked: true } });

const exchanges = (token) => [...slack.requests('/api/oauth.v2.access'), ...slack.requests('/v1/access_token')]
  .filter((request) => new URLSearchParams(request.text).get('refresh_token') === token).length;
const revocations = (token) => slack.requests('/api/auth.revoke')
  .filter((request) => request.headers.authorization === `Bearer ${token}`).length;

const inAWhile = () => new Date(Date.now() + 12 * 3600_000).toISOString();

/** A connection with a pair of tokens that is good for hours. */
async function connection({ of = integration, auth = {} } = {}) {
  const word = unique('word');
  const tokens = { accessToken: `xoxe.xoxb-${word}`, refreshToken: `xoxe-1-${word}`, expiresAt: inAWhile(), ...auth };
  const made = dataOf(await api.post(root, {
    integrationIdentifier: of.identifier, context: { tenant: word }, workspace: { id: 'T1' }, auth: tokens,
  }), 201);
  return { ...made, word };
}

const verify = (identifier) => api.post(`${root}/${identifier}/verify`);
const read = async (identifier) => dataOf(await api.get(`${root}/${identifier}`));

fact('verify exchanges the refresh token, however long the access token is still good', async () => {
  const { identifier, auth, word } = await connection();
  const verified = dataOf(await verify(identifier));
  assert.deepEqual([verified.auth.accessToken, verified.auth.refreshToken], [`xoxe.xoxb-new-${word}`, `xoxe-1-new-${word}`]);
  assert.ok(Date.parse(verified.auth.expiresAt) > Date.now() + 11 * 3600_000);
  assert.equal(verified.health.status, 'active');
  assert.deepEqual(await read(identifier), verified);
  assert.equal(exchanges(auth.refreshToken), 1);
});

fact('verify of Webex keeps the refresh token that the vendor did not renew', async () => {
  const { identifier, auth } = await connection({ of: webex });
  said.set(auth.refreshToken, { body: { access_token: 'webex-new', expires_in: 1209600, refresh_token_expires_in: 7776000 } });
  const verified = dataOf(await verify(identifier));
  assert.deepEqual([verified.auth.accessToken, verified.auth.refreshToken], ['webex-new', auth.refreshToken]);
  assert.ok(Date.parse(verified.auth.refreshTokenExpiresAt) > Date.now() + 89 * 24 * 3600_000);
});

fact('verify calls nobody where there is nothing to exchange', async () => {
  const before = slack.requests().length;
  const { identifier } = await connection({ auth: { refreshToken: undefined, expiresAt: undefined } });
  assertStatus(await verify(identifier), 200);
  const teams = await make.integration({ providerId: 'discord' });
  const plain = await connection({ of: teams, auth: { refreshToken: undefined } });
  assertStatus(await verify(plain.identifier), 200);
  assert.equal(slack.requests().length, before);
});

fact('verify of an unknown connection is a 404', async () => {
  assertRefused(await verify('chconn_none'), 404, "Channel connection with identifier 'chconn_none' not found");
});

fact('a refusal is a 502 in the original words, the tokens stay, and the connection needs its customer', async () => {
  const { identifier, auth } = await connection();
  said.set(auth.refreshToken, { body: { ok: false, error: 'invalid_refresh_token' } });
  const refused = await verify(identifier);
  assertRefused(refused, 502, 'Slack token refresh failed: invalid_refresh_token. Reconnect the Slack channel connection.');
  const { auth: kept, health } = await read(identifier);
  assert.deepEqual(kept, auth);
  assert.equal(health.status, 'needs_reauth');
  assert.match(health.reason, /invalid_refresh_token/);
  said.delete(auth.refreshToken);
  assert.equal(dataOf(await verify(identifier)).health.status, 'active');
});

fact('an answer of HTTP is told with its status and what the vendor said, without secrets', async () => {
  const { identifier, auth } = await connection({ of: webex });
  said.set(auth.refreshToken, { status: 500, body: { message: `no ${auth.refreshToken} today` } });
  assertRefused(await verify(identifier), 502, 'Webex token refresh failed (HTTP 500): no *** today. Reconnect the Webex channel connection.');
  assert.equal((await read(identifier)).health.status, 'active');
});

fact('an app that the vendor does not know is not the fault of the connection', async () => {
  const { identifier, auth } = await connection();
  said.set(auth.refreshToken, { body: { ok: false, error: 'bad_client_secret' } });
  assertRefused(await verify(identifier), 502, /bad_client_secret/);
  assert.equal((await read(identifier)).health.status, 'active');
});

fact('an answer without an access token is a 500', async () => {
  const { identifier, auth } = await connection();
  said.set(auth.refreshToken, { body: { ok: true } });
  assertStatus(await verify(identifier), 500);
});

fact('an expiring token is renewed without being asked', async () => {
  const { identifier, word } = await connection({ auth: { expiresAt: undefined } });
  await eventually(async () => assert.equal((await read(identifier)).auth.accessToken, `xoxe.xoxb-new-${word}`));
});

fact('posted tokens are revoked on request only', async () => {
  const [kept, revoked] = [await connection(), await connection()];
  assertStatus(await api.delete(`${root}/${kept.identifier}`), 204);
  assertStatus(await api.delete(`${root}/${revoked.identifier}?revoke=true`), 204);
  await eventually(async () => assert.equal(revocations(revoked.auth.accessToken), 1));
  assert.equal(revocations(kept.auth.accessToken), 0);
  assertStatus(await api.delete(`${root}/${kept.identifier}?revoke=perhaps`), 422);
});

fact('no log line holds a token or the client secret', async () => {
  const output = server.output();
  for (const canary of ['canary-client-secret', 'xoxe-1-', 'xoxe.xoxb-']) assert.ok(!output.includes(canary), canary);
});
