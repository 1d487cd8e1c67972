import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { finished, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { onPostgres, startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

// A provider that repeats every secret that it is given, in each place where an answer can carry one.
const parrot = await startReceiver();
after(() => parrot.stop());
const server = await startServer({
  settings: { CAMPANILE_LOG: 'debug', CAMPANILE_PROVIDERS__SLACK__BASE_URL: parrot.url, CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' },
});
after(() => server.stop());

const { api, ...make } = world(server);
const bodies = [];

/** Sends a request and keeps the answer if it is a refusal. */
const kept = async (response) => {
  const answer = await response;
  if (answer.status >= 400) bodies.push(answer.text, JSON.stringify([...answer.headers]));
  return answer;
};

const planted = new Map();

/** A secret in the form of its kind, whose core is random and cannot stand anywhere by chance. */
function canary(name, form = (core) => core) {
  const core = randomBytes(12).toString('hex');
  planted.set(name, core);
  return form(core);
}

const assertFree = (where, text) => {
  for (const [name, core] of planted) {
    const found = text.indexOf(core);
    assert.equal(found, -1, `${name} stands in ${where}: …${text.slice(Math.max(0, found - 200), found + 60)}…`);
  }
};

planted.set('the key of Development', server.keys.development);
planted.set('the key of Production', server.keys.production);

const accessToken = canary('an access token', (core) => `xoxb-1-${core}`);
const refreshToken = canary('a refresh token', (core) => `xoxe-1-${core}`);
const clientSecret = canary('a client secret');
const hmacSecret = canary('a webhook secret');
const apiKey = canary('an API key of a provider', (core) => `SG.${core}`);
const wrongKey = canary('a wrong key');

const slack = await make.integration({ credentials: { clientId: 'client', secretKey: clientSecret } });
const webhook = await make.integration({ providerId: 'chat-webhook', credentials: { secretKey: hmacSecret } });
await make.integration({ providerId: 'sendgrid', channel: 'email', credentials: { apiKey, from: 'a@example.com' } });
const ann = await make.subscriber();
const workspace = { id: 'T1' };
const auth = { accessToken, refreshToken, expiresAt: '2099-01-01T00:00:00.000Z' };
const connection = await make.connection({ integration: slack, subscriber: ann, workspace, auth });
await make.endpoint({ integration: slack, subscriber: ann, connection, type: 'slack_channel', endpoint: { channelId: 'C1' } });
const workflow = await make.workflow();

const echo = ({ headers, text }) => JSON.stringify({ headers, text });

fact('sending, being refused and waiting, with a provider that repeats our secrets', async () => {
  const send = () => make.trigger(workflow, ann, { payload: { name: 'x' } });
  const answers = [
    [{ body: { ok: true, channel: 'C1', ts: '1.1' } }, 'completed'],
    [(request) => ({ body: { ok: false, error: 'invalid_arguments', echo: echo(request), needed: request.headers.authorization } }), 'failed'],
    [(request) => ({ status: 400, body: echo(request) }), 'failed'],
    [(request) => ({ status: 503, headers: { 'retry-after': '3600', 'x-echo': request.headers.authorization }, body: echo(request) }), 'delayed'],
  ];
  for (const [answer, end] of answers) {
    parrot.answers('/api/chat.postMessage', answer);
    await reaches(api, await send(), [end]);
  }
  assert.equal(parrot.requests('/api/chat.postMessage').length, answers.length);
  assert.ok(parrot.requests().every(({ headers }) => headers.authorization === `Bearer ${accessToken}`), 'the provider was given the token');
});

fact('being refused by a webhook that repeats what it was sent', async () => {
  const subscriber = await make.subscriber();
  const path = `/${unique('hook')}`;
  parrot.answers(path, (request) => ({ status: 400, body: echo(request) }));
  await make.endpoint({ integration: webhook, subscriber, endpoint: { url: parrot.url + path } });
  await finished(api, await make.trigger(workflow, subscriber));
});

fact('a secret in the address of a webhook stays out of logs and metrics', async () => {
  const secret = randomBytes(12).toString('hex');
  const subscriber = await make.subscriber();
  const path = `/services/T1/B1/${secret}`;
  parrot.answers(path, { status: 400, body: 'no' });
  await make.endpoint({ integration: slack, subscriber, endpoint: { url: parrot.url + path } });
  await finished(api, await make.trigger(workflow, subscriber));
  assert.equal(parrot.requests(path).length, 1);
  assert.ok(!server.output().includes(secret));
  assert.ok(!(await (await fetch(`${server.url}/metrics`)).text()).includes(secret));
});

fact('refused requests do not repeat the secrets in them', async () => {
  const post = (body) => kept(api.post('/v1/channel-connections', body));
  const valid = { integrationIdentifier: slack.identifier, subscriberId: ann.subscriberId, workspace, auth };
  assertStatus(await post(valid), 409);
  assertStatus(await post({ ...valid, connectionMode: 'nonsense' }), 422);
  assertStatus(await post({ ...valid, auth: { ...auth, accessToken: [accessToken] } }), 422);
  assertStatus(await post({ ...valid, workspace: undefined }), 422);
  assertStatus(await post({ ...valid, integrationIdentifier: 'unknown' }), 404);
  assertStatus(await post(JSON.stringify(valid).slice(0, -1)), 400);
  assertStatus(await post(`${JSON.stringify(valid)} x`), 400);
  const patch = (body) => kept(api.patch(`/v1/channel-connections/${connection.identifier}`, body));
  assertStatus(await patch({ auth }), 422);
  const integration = (body) => kept(api.post('/v1/integrations', body));
  assertStatus(await integration({ providerId: 'slack', channel: 'nonsense', credentials: { secretKey: clientSecret } }), 422);
  assertStatus(await integration({ providerId: 'slack', channel: 'chat', identifier: slack.identifier, check: false, credentials: { secretKey: clientSecret } }), 409);
  assertStatus(await integration({ providerId: 'slack', channel: 'chat', credentials: clientSecret }), 422);
});

fact('a wrong key is not repeated', async () => {
  for (const authorization of [`ApiKey ${wrongKey}`, `Bearer ${wrongKey}`, `Basic ${wrongKey}`, `ApiKey${wrongKey}`, wrongKey]) {
    assertStatus(await kept(http(server).send('GET', '/v2/subscribers', undefined, { authorization })), 401);
  }
});

fact('secrets in a query are masked in the path of the error', async () => {
  const names = ['token', 'code', 'state'];
  const query = names.map((name) => `${name}=${canary(`a ${name} in a query`)}`).join('&');
  const response = await api.get(`/v1/integrations/chat/oauth/callback-that-is-not-there?${query}`);
  assert.ok(response.status >= 400 && response.status < 500);
  bodies.push(response.text);
});

fact('an answer that is replayed for its key is the only place where the key shows it', async () => {
  const subscriber = await make.subscriber();
  const body = { integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, workspace, auth: { accessToken: canary('a replayed token') } };
  for (let time = 0; time < 2; time += 1) {
    const answer = await api.post('/v1/channel-connections', body, { 'idempotency-key': 'replayed' });
    assert.deepEqual(dataOf(answer, 201).auth, body.auth);
  }
});

fact('no secret stands in an error body', () => {
  assert.ok(bodies.length >= 10);
  assertFree('an error body', bodies.join('\n'));
});

fact('no secret stands in the activity feed', async () => {
  const list = await api.get('/v1/notifications?limit=50');
  assert.ok(dataOf(list).length >= 6);
  assertFree('the list of notifications', list.text);
  for (const { _id } of dataOf(list)) assertFree('a notification', assertStatus(await api.get(`/v1/notifications/${_id}`), 200).text);
  assertFree('the messages', assertStatus(await api.get('/v1/messages?limit=100'), 200).text);
});

fact('no secret stands in a list', async () => {
  for (const path of ['/v1/integrations', '/v1/integrations/active', '/v1/channel-connections', '/v1/channel-endpoints', '/v2/subscribers', '/v2/workflows', '/v2/contexts']) {
    assertFree(path, assertStatus(await api.get(path), 200).text);
  }
});

fact('no secret stands in the metrics', async () => {
  assertFree('the metrics', await (await fetch(`${server.url}/metrics`)).text());
});

fact('no secret stands in the logs, debug lines included', () => {
  assert.ok(server.output().length > 1000, 'there are logs to look at');
  assertFree('the logs', server.output());
});

const inFiles = () => {
  const folder = join(server.dataDir, 'data');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length > 0);
  for (const file of files) assertFree(file.name, readFileSync(join(file.parentPath ?? file.path, file.name), 'latin1'));
};
if (!onPostgres) fact('no secret stands in the data folder as it is', inFiles);

fact('one connection, read by itself, shows its tokens in full', async () => {
  assert.deepEqual(dataOf(await api.get(`/v1/channel-connections/${connection.identifier}`)).auth, auth);
  assertRefused(await api.get('/v1/channel-connections/unknown'), 404);
});
