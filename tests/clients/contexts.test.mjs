import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertWalks } from './harness/cursor.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

fact('a context is created, read, replaced and deleted', covers(
  'ContextsController_createContext', 'ContextsController_getContext', 'ContextsController_updateContext', 'ContextsController_deleteContext',
), async () => {
  const id = unique('acme');
  const { result } = await novu.contexts.create({ type: 'tenant', id, data: { plan: 'pro', seats: { used: 2 } } });
  assert.deepEqual([result.type, result.id, result.data], ['tenant', id, { plan: 'pro', seats: { used: 2 } }]);
  assert.deepEqual((await novu.contexts.retrieve(id, 'tenant')).result, result);
  const updated = await novu.contexts.update({ type: 'tenant', id, updateContextRequestDto: { data: { region: 'eu' } } });
  assert.deepEqual(updated.result.data, { region: 'eu' }, 'data is replaced as a whole');
  assert.equal(updated.result.createdAt, result.createdAt);
  await novu.contexts.delete(id, 'tenant');
  const error = await refusal(novu.contexts.retrieve(id, 'tenant'));
  assert.equal(error.statusCode, 404);
  assert.equal(error.message, `Context with type 'tenant' and id '${id}' not found`);
});

fact('data may be left out', async () => {
  assert.deepEqual(dataOf(await api.post('/v2/contexts', { type: 'tenant', id: unique('bare') }), 201).data, {});
});

fact('a second create is a 409', async () => {
  const id = unique('twice');
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id }), 201);
  assertRefused(await api.post('/v2/contexts', { type: 'tenant', id }), 409, `Context with type 'tenant' and id '${id}' already exists`);
  assertStatus(await api.post('/v2/contexts', { type: 'project', id }), 201);
});

fact('twenty creates at once leave one', async () => {
  const id = unique('race');
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.post('/v2/contexts', { type: 'tenant', id })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(19).fill(409)]);
});

fact('type and id have 1 to 100 letters, digits, hyphens and underscores', async () => {
  const good = { type: 'tenant', id: unique('shape') };
  for (const bad of ['', 'has space', 'Invalid_Type!', 'a:b', 'a'.repeat(101), 5, undefined]) {
    for (const field of ['type', 'id']) assertInvalid(await api.post('/v2/contexts', { ...good, [field]: bad }), new RegExp(`^${field} `));
  }
  assertStatus(await api.post('/v2/contexts', { type: 'Aa0_-', id: 'x'.repeat(100) }), 201);
});

fact('data is an object of at most 64 KiB', async () => {
  for (const data of ['text', 5, ['a']]) assertInvalid(await api.post('/v2/contexts', { type: 'tenant', id: unique('data'), data }), /^data /);
  const filled = (size) => ({ filler: 'x'.repeat(size - JSON.stringify({ filler: '' }).length) });
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id: unique('full'), data: filled(64 * 1024) }), 201);
  const large = await api.post('/v2/contexts', { type: 'tenant', id: unique('over'), data: filled(66 * 1024) });
  assertRefused(large, 422);
  assert.match(large.text, /Context data is too large \(\d+(\.\d+)?KB\)\. Maximum size is 64KB/);
});

fact('an unknown context is a 404 for every verb, and a patch needs data', async () => {
  const text = "Context with type 'tenant' and id 'nobody' not found";
  assertRefused(await api.get('/v2/contexts/tenant/nobody'), 404, text);
  assertRefused(await api.patch('/v2/contexts/tenant/nobody', { data: {} }), 404, text);
  assertRefused(await api.delete('/v2/contexts/tenant/nobody'), 404, text);
  const id = unique('patched');
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id }), 201);
  assertInvalid(await api.patch(`/v2/contexts/tenant/${id}`, {}), /^data /);
});

fact('a list is newest first and filters by type, id and a part of the key', covers('ContextsController_listContexts'), async () => {
  const mark = unique('listed');
  const [one, two] = await oneByOne(2, (number) => api.post('/v2/contexts', { type: number === 1 ? 'region' : 'branch', id: `${mark}-${number}` }).then((answer) => dataOf(answer, 201)));
  const found = async (query) => (await novu.contexts.list(query)).result.data.map(({ type, id }) => `${type}:${id}`);
  const [first, second] = [`region:${one.id}`, `branch:${two.id}`];
  assert.deepEqual(await found({ search: mark }), [second, first]);
  assert.deepEqual(await found({ search: `region:${mark}` }), [first]);
  assert.deepEqual(await found({ id: two.id }), [second]);
  assert.deepEqual(await found({ search: '[invalid' }), []);
  assert.deepEqual(await found({ search: '.*' }), []);
  const byType = await api.get(`/v2/contexts?type=region&search=${mark}`);
  assert.equal(byType.body.totalCount, 1);
});

fact('a list is paged by cursors both ways', async () => {
  const mark = unique('walk');
  const made = await oneByOne(5, (number) => api.post('/v2/contexts', { type: 'tenant', id: `${mark}-${number}` }).then((answer) => dataOf(answer, 201)));
  const newestFirst = made.map(({ id }) => id).reverse();
  await assertWalks(async (query) => (await novu.contexts.list({ search: mark, ...query })).result, 'id', newestFirst);
});

fact('a connection, an endpoint and a trigger each find or create the contexts that they name', async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const ids = { connection: unique('used'), endpoint: unique('used'), trigger: unique('used') };
  const context = (id) => ({ tenant: { id, data: { from: 'use' } } });
  await make.connection({ integration, subscriber, context: context(ids.connection) });
  await make.endpoint({ integration, subscriber, endpoint: { url: 'https://hooks.example.com/x' }, context: context(ids.endpoint) });
  await make.trigger(await make.workflow(), subscriber, { context: context(ids.trigger) });
  for (const id of Object.values(ids)) {
    await eventually(async () => assert.deepEqual(dataOf(await api.get(`/v2/contexts/tenant/${id}`)).data, { from: 'use' }));
  }
});

fact('using a context never changes the data that it has', async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const id = unique('kept');
  assertStatus(await api.post('/v2/contexts', { type: 'tenant', id, data: { plan: 'pro' } }), 201);
  const context = { tenant: { id, data: { plan: 'overwritten' } } };
  await make.connection({ integration, subscriber, context });
  await make.endpoint({ integration, subscriber, endpoint: { url: 'https://hooks.example.com/y' }, context });
  const event = await make.trigger(await make.workflow(), subscriber, { context });
  await eventually(async () => assert.equal(dataOf(await api.get(`/v1/notifications?transactionId=${event.transactionId}`)).length, 1));
  assert.deepEqual(dataOf(await api.get(`/v2/contexts/tenant/${id}`)).data, { plan: 'pro' });
});

fact('a refused create leaves no context behind', async () => {
  const integration = await make.integration();
  const id = unique('refused');
  const body = { integrationIdentifier: integration.identifier, subscriberId: 'nobody', context: { tenant: id } };
  assertRefused(await api.post('/v1/channel-connections', { ...body, workspace: { id: 'T1' }, auth: { accessToken: 'x' } }), 404);
  assertRefused(await api.post('/v1/channel-endpoints', { ...body, type: 'webhook', endpoint: { url: 'https://a.example' } }), 404);
  assertRefused(await api.get(`/v2/contexts/tenant/${id}`), 404);
});
