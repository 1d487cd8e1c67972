import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertRefused, dataOf } from './harness/http.mjs';
import { base62 } from './harness/base62.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api } = world(server);
const production = world(server, { secretKey: server.keys.production });

fact('the organization starts with Development and Production', covers('EnvironmentsControllerV1_listMyEnvironments'), async () => {
  const { result } = await sdk(server).environments.list();
  assert.deepEqual(result.map(({ name }) => name), ['Development', 'Production']);
  assert.deepEqual(result.map(({ type }) => type), ['dev', 'prod']);
  assert.deepEqual(result.map(({ identifier }) => identifier), [server.identifiers.development, server.identifiers.production]);
  assert.equal(result[0].organizationId, result[1].organizationId);
  assert.equal(result[1].parentId, result[0].id);
  for (const { name, id, slug } of result) assert.equal(slug, `${name.toLowerCase()}_env_${base62(id)}`);
});

fact('environments have the colours that the dashboard knows', async () => {
  const list = dataOf(await api.get('/v1/environments'));
  assert.deepEqual(list.map(({ color }) => color), ['#ff8547', '#7e52f4']);
});

fact('only the own environment shows its keys', async () => {
  const [development, other] = dataOf(await api.get('/v1/environments'));
  assert.deepEqual(development.apiKeys.map(({ key }) => key), [server.keys.development]);
  assert.deepEqual(other.apiKeys, []);
  const [sibling, own] = dataOf(await production.api.get('/v1/environments'));
  assert.deepEqual(sibling.apiKeys, []);
  assert.deepEqual(own.apiKeys.map(({ key }) => key), [server.keys.production]);
});

fact('the current environment is that of the key', async () => {
  assert.equal(dataOf(await api.get('/v1/environments/me')).name, 'Development');
  assert.equal(dataOf(await production.api.get('/v1/environments/me')).name, 'Production');
});

fact('a key is listed with the SHA-256 of itself', async () => {
  const keys = dataOf(await api.get('/v1/environments/api-keys'));
  assert.equal(keys.length, 1);
  assert.equal(keys[0].key, server.keys.development);
  assert.equal(keys[0].hash, createHash('sha256').update(server.keys.development).digest('hex'));
  assert.match(keys[0]._userId, /^[0-9a-f]{24}$/);
});

fact('regenerating gives one new key, and the old one dies at once', async () => {
  const keys = dataOf(await production.api.post('/v1/environments/api-keys/regenerate'), 201);
  assert.equal(keys.length, 1);
  const [{ key }] = keys;
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.notEqual(key, server.keys.production);
  assertRefused(await production.api.get('/v1/environments/me'), 401, 'API Key not found');
  const renewed = world(server, { secretKey: key }).api;
  assert.equal(dataOf(await renewed.get('/v1/environments/me')).name, 'Production');
  assert.deepEqual(dataOf(await renewed.get('/v1/environments/api-keys')).map((row) => row.key), [key]);
  assert.equal(dataOf(await api.get('/v1/environments/me')).name, 'Development', 'the other environment keeps its key');
});
