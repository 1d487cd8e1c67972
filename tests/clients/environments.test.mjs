import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { base62 } from './harness/base62.mjs';
import { eventually } from './harness/process.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
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

fact('an environment is made, changed and deleted with all that it holds', covers(
  'EnvironmentsControllerV1_createEnvironment', 'EnvironmentsControllerV1_updateMyEnvironment', 'EnvironmentsControllerV1_deleteEnvironment',
), async () => {
  const name = unique('Staging');
  const { result: made } = await novu.environments.create({ name, color: '#3498db' });
  assert.deepEqual([made.name, made.type, made.apiKeys.length], [name, 'prod', 1]);
  const [development] = dataOf(await api.get('/v1/environments'));
  assert.equal(made.parentId, development._id);
  const [{ key: secretKey }] = made.apiKeys;
  const staging = sdk(server, { secretKey });
  const { result: changed } = await staging.environments.update({ name: `${name} 2`, color: '#000000' }, made.id);
  assert.deepEqual([changed.name, changed.slug.split('_env_')[1]], [`${name} 2`, base62(made.id)]);
  const { api: inside, ...makeInside } = world(server, { secretKey });
  const subscriber = await makeInside.subscriber();
  const workflow = await makeInside.workflow();
  await makeInside.trigger(workflow, subscriber);
  await staging.environments.delete(made.id);
  assertRefused(await inside.get('/v1/environments/me'), 401, 'API Key not found');
  await eventually(async () => assert.ok(!dataOf(await api.get('/v1/environments')).some(({ _id }) => _id === made.id)));
});

fact('names are unique, and those of the first two are taken for ever', async () => {
  const color = '#3498db';
  for (const name of ['Development', ' production ']) {
    assertInvalid(await api.post('/v1/environments', { name, color }), /^Environment name cannot be Development or Production$/);
  }
  const name = unique('Once');
  const { apiKeys: [{ key }] } = dataOf(await api.post('/v1/environments', { name, color }), 201);
  assertRefused(await api.post('/v1/environments', { name, color }), 400, 'Environment name must be unique');
  assertInvalid(await api.post('/v1/environments', { name: unique('No'), color: 'blue' }), /^color must be a hexadecimal color$/);
  const once = world(server, { secretKey: key }).api;
  const { _id } = dataOf(await once.get('/v1/environments/me'));
  assertInvalid(await once.put(`/v1/environments/${_id}`, { name: 'Production' }), /^Environment name cannot be/);
  assertInvalid(await once.put(`/v1/environments/${_id}`, { parentId: _id }), /^parentId must not lead back/);
  assert.match((await once.put(`/v1/environments/${_id}`, { bridge: { url: 'http://169.254.169.254/latest' } })).text, /blocked by the outbound SSRF policy/);
});

fact('the first two keep their names and stay, and a key changes its own environment only', async () => {
  const [development, other] = dataOf(await api.get('/v1/environments'));
  assertInvalid(await api.put(`/v1/environments/${development._id}`, { name: 'Dev' }), /^Cannot update the name of Development or Production environments$/);
  assertRefused(await api.delete(`/v1/environments/${development._id}`), 400, 'The Development environment is protected and cannot be deleted. Only custom environments can be deleted.');
  for (const refused of [await api.delete(`/v1/environments/${other._id}`), await api.put(`/v1/environments/${other._id}`, { color: '#000000' })]) {
    assert.equal(refused.status, 403);
    assert.match(refused.text, /is scoped to a single environment/);
  }
  assertRefused(await api.delete('/v1/environments/0123456789abcdef01234567'), 404, 'Environment 0123456789abcdef01234567 not found');
});

fact('the tags of an environment are those of its workflows, each once', covers('EnvironmentsController_getEnvironmentTags'), async () => {
  const [first, second] = [unique('tag'), unique('tag')];
  await make.workflow({ tags: [second, first] });
  await make.workflow({ tags: [first] });
  const [{ _id, identifier }] = dataOf(await api.get('/v1/environments'));
  const { result } = await novu.environments.getTags(_id);
  const names = result.map(({ name }) => name);
  assert.deepEqual(names.filter((name) => [first, second].includes(name)), [second, first]);
  assert.equal(dataOf(await api.get(`/v2/environments/${identifier}/tags`)).length, names.length);
  assert.equal((await refusal(novu.environments.getTags('nowhere'))).statusCode, 404);
});

fact('what differs is published, and what is gone is deleted', covers(
  'EnvironmentsController_diffEnvironment', 'EnvironmentsController_publishEnvironment',
), async () => {
  const { result: staging } = await novu.environments.create({ name: unique('Publish'), color: '#3498db' });
  const { api: inside } = world(server, { secretKey: staging.apiKeys[0].key });
  const [{ _id: source }] = dataOf(await api.get('/v1/environments'));
  const [at, body] = [`/v2/environments/${staging.id}`, { sourceEnvironmentId: source }];
  const kept = await make.workflow({ name: 'Kept', tags: ['a'] });
  const doomed = await make.workflow({ name: 'Doomed' });
  const before = dataOf(await api.post(`${at}/diff`, body), 200);
  const added = before.resources.find(({ sourceResource }) => sourceResource.id === kept.workflowId);
  assert.deepEqual(added.changes.map(({ resourceType, action }) => [resourceType, action]), [['workflow', 'added'], ['step', 'added']]);
  assert.deepEqual(added.summary, { added: 2, modified: 0, deleted: 0, unchanged: 0 });
  const dry = dataOf(await api.post(`${at}/publish`, { ...body, dryRun: true }), 200);
  assert.equal(dry.summary.successful, before.resources.length);
  assert.equal(dataOf(await inside.get('/v2/workflows')).totalCount, 0, 'a dry run writes nothing');
  const one = dataOf(await api.post(`${at}/publish`, { ...body, resources: [{ resourceType: 'workflow', resourceId: kept.workflowId }] }), 200);
  assert.deepEqual(one.results[0].successful.map(({ resourceId, action }) => [resourceId, action]), [[kept.workflowId, 'created']]);
  assert.deepEqual(dataOf(await inside.get('/v2/workflows')).workflows.map(({ name }) => name), ['Kept']);
  dataOf(await api.post(`${at}/publish`, body), 200);
  // The SDK decodes only empty results (its resource types are others than the server's); here nothing differs any more.
  const { result: same } = await novu.environments.diff(body, staging.id);
  assert.deepEqual([same.resources, same.summary.hasChanges], [[], false]);
  assertStatus(await api.patch(`/v2/workflows/${kept.workflowId}`, { tags: ['b'] }), 200);
  assertStatus(await api.delete(`/v2/workflows/${doomed.workflowId}`), 204);
  const changed = dataOf(await api.post(`${at}/diff`, body), 200);
  assert.deepEqual(changed.summary, { totalEntities: 2, totalChanges: 3, hasChanges: true });
  assert.deepEqual(changed.resources[0].changes[0].diffs.new.tags, ['b']);
  const published = dataOf(await api.post(`${at}/publish`, body), 200);
  assert.deepEqual(published.results[0].successful.map(({ resourceName, action }) => [resourceName, action]), [['Kept', 'updated'], ['Doomed', 'deleted']]);
  assert.deepEqual(dataOf(await inside.get(`/v2/workflows/${kept.workflowId}`)).tags, ['b']);
  assertStatus(await inside.get(`/v2/workflows/${doomed.workflowId}`), 404);
  await inside.delete(`/v1/environments/${staging.id}`);
});

fact('what cannot be published is refused', async () => {
  const [{ _id: own }, { _id: other }] = dataOf(await api.get('/v1/environments'));
  const table = [
    [own, {}, 400, 'Source and target environments cannot be the same'],
    ['no-id', {}, 400, 'Invalid environment ID format'],
    ['0123456789abcdef01234567', {}, 400, 'Target environment not found'],
    [other, { sourceEnvironmentId: '0123456789abcdef01234567' }, 400, 'Source environment not found'],
  ];
  for (const [target, body, status, message] of table) {
    for (const what of ['diff', 'publish']) assertRefused(await api.post(`/v2/environments/${target}/${what}`, body), status, message);
  }
  assert.equal((await api.post(`/v2/environments/${own}/diff`, { sourceEnvironmentId: other })).status, 403);
  assert.equal((await api.post(`/v2/environments/${other}/publish`, { resources: [{ resourceType: 'workflow', resourceId: 'unknown' }] })).status, 400);
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
