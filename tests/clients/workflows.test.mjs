import assert from 'node:assert/strict';
import { after } from 'node:test';
import { base62 } from './harness/base62.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production });
const novu = sdk(server);
const environment = dataOf(await api.get('/v1/environments/me'));
const productionEnvironment = dataOf(await production.api.get('/v1/environments/me'));
const root = '/v2/workflows';

const chat = (body, rest = {}) => ({ type: 'chat', name: 'Chat', controlValues: { body }, ...rest });
const body = (change = {}) => {
  const workflowId = unique('workflow');
  return { workflowId, name: workflowId, active: true, steps: [chat('Hello')], ...change };
};
const create = async (change) => dataOf(await api.post(root, body(change)), 201);
const read = async (id) => dataOf(await api.get(`${root}/${id}`));
const withoutIntegration = await create();
await make.integration();

fact('a workflow of one chat step is created and read', covers('WorkflowController_create', 'WorkflowController_getWorkflow'), async () => {
  const workflowId = unique('welcome');
  const { result } = await novu.workflows.create({
    workflowId, name: 'Welcome aboard', description: 'The first one', tags: ['a', 'b'], active: true, severity: 'high',
    steps: [{ type: 'chat', name: 'Say hello', controlValues: { body: 'Hello {{payload.name}}' } }],
  });
  assert.equal(result.workflowId, workflowId);
  assert.equal(result.status, 'ACTIVE');
  assert.equal(result.origin, 'novu-cloud');
  assert.deepEqual([result.name, result.description, result.tags, result.severity, result.active], ['Welcome aboard', 'The first one', ['a', 'b'], 'high', true]);
  assert.equal(result.slug, `welcome-aboard_wf_${base62(result.id)}`);
  const [step] = result.steps;
  assert.equal(step.stepId, 'say-hello');
  assert.equal(step.slug, `say-hello_st_${base62(step.id)}`);
  assert.equal(step.controlValues.body, 'Hello {{payload.name}}');
  assert.deepEqual([step.workflowId, step.workflowDatabaseId, step.type], [workflowId, result.id, 'chat']);
  assert.deepEqual((await novu.workflows.get(workflowId)).result, result);
});

fact('what is left out has its defaults', async () => {
  const workflow = await create({ active: undefined, description: undefined });
  assert.equal(workflow.severity, 'none');
  assert.equal(workflow.isTranslationEnabled, false);
  assert.equal(workflow.validatePayload, true);
  assert.deepEqual(workflow.payloadSchema, { type: 'object', additionalProperties: true, properties: {} });
  assert.equal(workflow.preferences.user, null);
  const { all, channels } = workflow.preferences.default;
  assert.deepEqual([all.enabled, all.readOnly], [true, false]);
  for (const channel of ['in_app', 'email', 'sms', 'chat', 'push']) assert.equal(channels[channel].enabled, true);
});

fact('an inactive workflow has the status INACTIVE', async () => {
  assert.deepEqual([(await create({ active: false })).status, (await create()).status], ['INACTIVE', 'ACTIVE']);
});

fact('a step carries its schema, its form and its variables', async () => {
  const [step] = (await create({ steps: [chat('Hi {{payload.person.name}}')] })).steps;
  assert.deepEqual(step.controls.values, { body: 'Hi {{payload.person.name}}' });
  assert.equal(step.controls.dataSchema.type, 'object');
  assert.ok(step.controls.dataSchema.properties.body);
  assert.equal(step.controls.uiSchema.group, 'CHAT');
  assert.equal(step.controls.uiSchema.properties.body.component, 'CHAT_BODY');
  assert.equal(step.variables.type, 'object');
  assert.ok(step.variables.properties.payload.properties.person);
  assert.ok(step.variables.properties.subscriber);
});

fact('a taken workflowId gets a suffix', async () => {
  const first = await create();
  const second = await create({ workflowId: first.workflowId });
  assert.match(second.workflowId, new RegExp(`^${first.workflowId}-[0-9A-Za-z]{4}$`));
  assert.equal((await read(first.workflowId))._id, first._id);
  assert.equal((await read(second.workflowId))._id, second._id);
});

fact('ten creates of one workflowId at once make ten workflows', async () => {
  const workflowId = unique('race');
  const made = await Promise.all(Array.from({ length: 10 }, () => create({ workflowId })));
  assert.equal(new Set(made.map((workflow) => workflow.workflowId)).size, 10);
  assert.equal(made.filter((workflow) => workflow.workflowId === workflowId).length, 1);
});

fact('step ids come from the names, and are unique within the workflow', async () => {
  const { steps } = await create({ steps: [chat('a', { name: 'Größe & Co' }), chat('b', { name: 'Größe & Co' }), chat('c', { name: 'x', stepId: 'given-id' }), chat('d', { name: 'user123Name' })] });
  const ids = steps.map(({ stepId }) => stepId);
  assert.equal(ids[0], 'groesse-and-co');
  assert.match(ids[1], /^groesse-and-co-[0-9A-Za-z]{4}$/);
  assert.deepEqual(ids.slice(2), ['given-id', 'user123-name']);
});

fact('the slug follows the name', async () => {
  const names = { 'HTTPServer2 goes UP': 'http-server2-goes-up', 'user123Name': 'user123-name', 'a  --  b!': 'a-b' };
  for (const [name, start] of Object.entries(names)) {
    const { slug, _id } = await create({ name });
    assert.equal(slug, `${start}_wf_${base62(_id)}`);
  }
  const workflow = await create({ name: 'Before' });
  const renamed = dataOf(await api.patch(`${root}/${workflow._id}`, { name: 'After' }));
  assert.equal(renamed.slug, `after_wf_${base62(workflow._id)}`);
});

fact('a workflow is found by id, identifier and slug, whatever stands before the mark of the slug', async () => {
  const { _id, workflowId, slug } = await create();
  for (const id of [_id, workflowId, slug, `anything-at-all_wf_${base62(_id)}`]) assert.equal((await read(id))._id, _id);
  const long = await create({ workflowId: 'an-identifier-whose-end-is-long-enough-for-a-slug' });
  assert.equal((await read(long.workflowId))._id, long._id);
});

fact('an unknown workflow is a 404 that carries the id', async () => {
  for (const id of ['123', 'no-such-workflow', '0'.repeat(24)]) {
    const response = await api.get(`${root}/${id}`);
    assertRefused(response, 404, 'Workflow cannot be found');
    assert.equal(response.body.ctx.workflowId, id);
    assertRefused(await api.patch(`${root}/${id}`, { name: 'x' }), 404, 'Workflow cannot be found');
    assertRefused(await api.delete(`${root}/${id}`), 404, 'Workflow cannot be found');
  }
  assert.equal((await refusal(novu.workflows.get('123'))).name, 'ErrorDto');
});

fact('names, tags and ids are checked in the words that clients know', async () => {
  const wrong = [
    [{ name: '' }, 'name must be longer than or equal to 1 characters'],
    [{ name: 'x'.repeat(65) }, 'name must be shorter than or equal to 64 characters'],
    [{ name: 5 }, 'name must be a string'],
    [{ description: 'x'.repeat(257) }, 'description must be shorter than or equal to 256 characters'],
    [{ tags: ['ok', 'x'.repeat(33)] }, 'each value in tags must be longer than or equal to 1 and shorter than or equal to 32 characters'],
    [{ tags: [''] }, 'each value in tags must be longer than or equal to 1 and shorter than or equal to 32 characters'],
    [{ tags: ['a', 'a'] }, "All tags's elements must be unique"],
    [{ tags: Array.from({ length: 17 }, (_, at) => `t${at}`) }, 'tags must contain no more than 16 elements'],
    [{ workflowId: 'has spaces' }, /^workflowId .*valid slug format/],
    [{ workflowId: '-starts-with-a-hyphen' }, /^workflowId .*valid slug format/],
    [{ workflowId: undefined }, /^workflowId /],
    [{ steps: undefined }, /^steps /],
    [{ steps: 'chat' }, /^steps /],
    [{ steps: [{ type: 'pigeon', name: 'x' }] }, /^steps\.0\.type /],
    [{ steps: [{ type: 'chat' }] }, /^steps\.0\.name /],
    [{ severity: 'extreme' }, /^severity must be one of the following values: /],
    [{ active: 'yes' }, 'active must be a boolean value'],
  ];
  for (const [change, text] of wrong) assertInvalid(await api.post(root, body(change)), text);
  assertStatus(await api.post(root, body({ name: 'x'.repeat(64), description: 'x'.repeat(256), tags: ['x'.repeat(32)] })), 201);
});

// Content

fact('invalid content is stored and reported, never refused', async () => {
  const workflow = await create({ steps: [chat('')] });
  assert.equal(workflow.status, 'ERROR');
  const [issue] = workflow.steps[0].issues.controls.body;
  assert.deepEqual([issue.issueType, issue.variableName, issue.message], ['MISSING_VALUE', 'body', 'Body is required']);
  assert.equal((await create({ steps: [chat('')], active: false })).status, 'INACTIVE');
  const { result } = await novu.workflows.get(workflow.workflowId);
  assert.equal(result.steps[0].issues.controls.body[0].issueType, 'MISSING_VALUE', 'the SDK reads it');
});

fact('variables must come from a known place', async () => {
  for (const known of ['payload.a', 'payload.a.b', 'subscriber.firstName', 'subscriber.data.plan', 'context.tenant.id', 'context.tenant.data.plan']) {
    const { status, steps } = await create({ steps: [chat(`Hi {{${known}}}`)] });
    assert.deepEqual([status, steps[0].issues?.controls], ['ACTIVE', undefined], known);
  }
  for (const unknown of ['name', 'subscriber.shoeSize', 'system.secret']) {
    const { status, steps } = await create({ steps: [chat(`Hi {{${unknown}}}`)] });
    assert.equal(status, 'ERROR', unknown);
    const [issue] = steps[0].issues.controls.body;
    assert.deepEqual([issue.issueType, issue.variableName], ['ILLEGAL_VARIABLE_IN_CONTROL_VALUE', `{{${unknown}}}`]);
    assert.ok(issue.message.startsWith(`Variable {{${unknown}}} `), issue.message);
  }
});

fact('a template that does not parse is an issue', async () => {
  for (const broken of ['Hi {{payload.name', '{% if payload.a %}never closed']) {
    const { status, steps } = await create({ steps: [chat(broken)] });
    assert.equal(status, 'ERROR', broken);
    assert.ok(steps[0].issues.controls.body.length > 0);
    assert.equal(steps[0].controlValues.body, broken);
  }
});

fact('a missing chat integration is reported, but is no error of the workflow', async () => {
  assert.equal(withoutIntegration.status, 'ACTIVE');
  const [issue] = withoutIntegration.steps[0].issues.integration.chat;
  assert.deepEqual([issue.issueType, issue.message], ['MISSING_INTEGRATION', 'Missing active integration provider']);
  assert.equal((await read(withoutIntegration.workflowId)).steps[0].issues, undefined, 'it goes when there is one');
});

fact('steps of other types are stored and read back', async () => {
  const steps = [
    { type: 'in_app', name: 'Inbox', controlValues: { subject: 'S', body: 'B' } },
    { type: 'email', name: 'E-mail', controlValues: { subject: 'S', body: 'B' } },
    { type: 'email', name: 'Empty e-mail' },
    { type: 'sms', name: 'Text', controlValues: { body: 'B' } },
    { type: 'push', name: 'Push', controlValues: { subject: 'S', body: 'B' } },
    { type: 'digest', name: 'Digest', controlValues: { amount: 1, unit: 'hours' } },
    { type: 'delay', name: 'Delay', controlValues: { type: 'regular', amount: 1, unit: 'hours' } },
    { type: 'throttle', name: 'Throttle', controlValues: { type: 'fixed', amount: 1, unit: 'hours', threshold: 1 } },
    { type: 'http_request', name: 'Call', controlValues: { method: 'POST', url: 'https://example.com' } },
    { type: 'custom', name: 'Custom', controlValues: { custom: {} } },
    chat('Hello'),
  ];
  const { result } = await novu.workflows.create(body({ steps }));
  assert.deepEqual(result.steps.map(({ type }) => type), steps.map(({ type }) => type));
  const again = (await novu.workflows.get(result.workflowId)).result;
  assert.equal(again.steps[0].controlValues.body, 'B');
  assert.equal(again.steps[5].controlValues.amount, 1);
  assert.equal((await novu.workflows.list({ query: result.workflowId })).result.workflows.length, 1);
});

fact('a payload schema is kept as it is, and must be one', async () => {
  const payloadSchema = { type: 'object', required: ['name'], properties: { name: { type: 'string' }, n: { type: 'integer', default: 3 } } };
  const workflow = await create({ payloadSchema, validatePayload: false });
  assert.deepEqual(workflow.payloadSchema, payloadSchema);
  assert.equal(workflow.validatePayload, false);
  const patched = dataOf(await api.patch(`${root}/${workflow._id}`, { payloadSchema: { type: 'object', properties: {} }, validatePayload: true }));
  assert.deepEqual([patched.payloadSchema, patched.validatePayload], [{ type: 'object', properties: {} }, true]);
  assertRefused(await api.post(root, body({ payloadSchema: { type: 'nonsense' } })), 400);
});

// Changes

fact('an update replaces the workflow, and steps keep their ids by their _id', covers('WorkflowController_update'), async () => {
  const workflow = await create({ steps: [chat('one', { name: 'One' }), chat('two', { name: 'Two' })] });
  const [one, two] = workflow.steps;
  const { result } = await novu.workflows.update({
    name: 'Renamed', active: true, origin: 'novu-cloud', workflowId: 'ignored', preferences: { user: null },
    steps: [{ id: two._id, type: 'chat', name: 'Two renamed', controlValues: { body: 'edited' } }, chat('three', { name: 'Three' })],
  }, workflow.workflowId);
  assert.equal(result.workflowId, workflow.workflowId);
  assert.equal(result.id, workflow._id);
  assert.deepEqual(result.steps.map(({ stepId }) => stepId), ['two', 'three']);
  assert.equal(result.steps[0].id, two._id);
  assert.equal(result.steps[0].controlValues.body, 'edited');
  assert.ok(![one._id, two._id].includes(result.steps[1].id));
});

fact('writing back what was read changes no step', async () => {
  const workflow = await create({ steps: [chat('one', { name: 'One' }), chat('two', { name: 'Two' })] });
  const again = dataOf(await api.put(`${root}/${workflow.slug}`, workflow));
  assert.deepEqual(again.steps.map(({ _id, stepId }) => [_id, stepId]), workflow.steps.map(({ _id, stepId }) => [_id, stepId]));
  assert.deepEqual(again.steps.map(({ controlValues }) => controlValues), workflow.steps.map(({ controlValues }) => controlValues));
});

fact('preferences of the user are set and cleared, the defaults stay', async () => {
  const workflow = await create();
  const user = { all: { enabled: false, readOnly: true }, channels: { chat: { enabled: false } } };
  const put = async (preferences) => dataOf(await api.put(`${root}/${workflow._id}`, { ...workflow, preferences })).preferences;
  const set = await put({ user });
  assert.deepEqual([set.user.all.enabled, set.user.all.readOnly, set.user.channels.chat.enabled], [false, true, false]);
  const cleared = await put({ user: null });
  assert.equal(cleared.user, null);
  assert.deepEqual(cleared.default, workflow.preferences.default);
});

fact('a patch changes what it names, and null means leave', covers('WorkflowController_patchWorkflow'), async () => {
  const workflow = await create({ description: 'kept', tags: ['kept'] });
  const { result } = await novu.workflows.patch({ active: false }, workflow.workflowId);
  assert.deepEqual([result.status, result.active, result.description, result.tags], ['INACTIVE', false, 'kept', ['kept']]);
  const active = dataOf(await api.patch(`${root}/${workflow._id}`, { active: true, name: null, description: null, tags: null }));
  assert.deepEqual([active.status, active.name, active.description, active.tags], ['ACTIVE', workflow.name, 'kept', ['kept']]);
  const renamed = dataOf(await api.patch(`${root}/${workflow._id}`, { name: 'New', description: 'new', tags: ['new'] }));
  assert.deepEqual([renamed.name, renamed.description, renamed.tags], ['New', 'new', ['new']]);
  assert.deepEqual(renamed.steps.map(({ _id }) => _id), workflow.steps.map(({ _id }) => _id));
  assertInvalid(await api.patch(`${root}/${workflow._id}`, { name: 'x'.repeat(65) }), 'name must be shorter than or equal to 64 characters');
});

fact('a deleted workflow is gone', covers('WorkflowController_removeWorkflow'), async () => {
  const workflow = await create();
  await novu.workflows.delete(workflow.workflowId);
  for (const id of [workflow._id, workflow.workflowId, workflow.slug]) assertRefused(await api.get(`${root}/${id}`), 404);
  assertRefused(await api.post('/v1/events/trigger', { name: workflow.workflowId, to: 'someone' }), 422, 'workflow_not_found');
  assert.equal((await create({ workflowId: workflow.workflowId })).workflowId, workflow.workflowId, 'its identifier is free again');
});

// Lists

fact('a list says in short what each workflow is', covers('WorkflowController_searchWorkflows'), async () => {
  const workflow = await create({ tags: ['listed'], steps: [chat('a'), { type: 'delay', name: 'Wait', controlValues: { type: 'regular', amount: 1, unit: 'hours' } }] });
  const { result } = await novu.workflows.list({ query: workflow.workflowId });
  assert.equal(result.totalCount, 1);
  const [row] = result.workflows;
  assert.deepEqual([row.id, row.slug, row.name, row.status, row.origin, row.tags], [workflow._id, workflow.slug, workflow.name, 'ACTIVE', 'novu-cloud', ['listed']]);
  assert.deepEqual(row.stepTypeOverviews, ['chat', 'delay']);
  assert.deepEqual(row.steps.map(({ type }) => type), ['chat', 'delay']);
});

fact('a list is searched in name, identifier and tags, letter for letter', async () => {
  const mark = unique('Marked');
  const byName = await create({ name: `A ${mark} name` });
  const byId = await create({ workflowId: `x-${mark}-x` });
  const byTag = await create({ tags: [`t-${mark}`] });
  await create();
  const ids = async (query) => dataOf(await api.get(`${root}?${query}`)).workflows.map(({ _id }) => _id).sort();
  const all = [byName, byId, byTag].map(({ _id }) => _id).sort();
  assert.deepEqual(await ids(`query=${mark.toLowerCase()}`), all);
  assert.deepEqual(await ids(`query=${mark.toUpperCase()}`), all);
  assert.deepEqual(await ids('query=.%2A'), []);
  assert.deepEqual(await ids(`tags=t-${mark}`), [byTag._id]);
  const broken = await create({ name: `${mark} broken`, steps: [chat('')] });
  const idle = await create({ name: `${mark} idle`, active: false });
  assert.deepEqual(await ids(`query=${mark}&status=ERROR`), [broken._id]);
  assert.deepEqual(await ids(`query=${mark}&status=ERROR&status=INACTIVE`), [broken._id, idle._id].sort());
});

fact('a list is ordered and cut into pages by offset', async () => {
  const mark = unique('Ordered');
  const made = await oneByOne(3, (number) => create({ name: `${mark} ${'cab'[number - 1]}` }));
  const names = async (query) => dataOf(await api.get(`${root}?query=${mark}${query}`)).workflows.map(({ name }) => name.at(-1)).join('');
  assert.equal(await names(''), 'bac');
  assert.equal(await names('&orderDirection=ASC'), 'cab');
  assert.equal(await names('&orderBy=name&orderDirection=ASC'), 'abc');
  await oneByOne(1, () => api.patch(`${root}/${made[1]._id}`, { description: 'touched' }));
  assert.equal((await names('&orderBy=updatedAt'))[0], 'a');
  assert.equal(await names('&limit=2'), 'ba');
  assert.equal(await names('&limit=2&offset=2'), 'c');
  assert.equal(dataOf(await api.get(`${root}?query=${mark}&limit=1`)).totalCount, 3);
  assertInvalid(await api.get(`${root}?limit=0`), 'limit must not be less than 1');
  assertInvalid(await api.get(`${root}?offset=-1`), 'offset must not be less than 0');
  assertInvalid(await api.get(`${root}?orderBy=colour`), /^orderBy /);
  assertInvalid(await api.get(`${root}?status=ASLEEP`), /status/);
});

// Environments

fact('a sync copies the workflow to production, and again what changed since', covers('WorkflowController_sync'), async () => {
  const workflow = await create({ name: 'Synced', description: 'd', tags: ['t'], steps: [chat('one', { name: 'One' }), chat('two', { name: 'Two' })] });
  const sync = () => novu.workflows.sync({ targetEnvironmentId: productionEnvironment._id }, workflow.workflowId);
  const first = (await sync()).result;
  assert.equal(first.workflowId, workflow.workflowId);
  assert.notEqual(first.id, workflow._id);
  assert.deepEqual([first.name, first.description, first.tags, first.active], ['Synced', 'd', ['t'], true]);
  assert.deepEqual(first.steps.map(({ stepId, controlValues }) => [stepId, controlValues.body]), [['one', 'one'], ['two', 'two']]);
  assert.equal(dataOf(await production.api.get(`${root}/${workflow.workflowId}`))._id, first.id);

  const [one] = workflow.steps;
  dataOf(await api.put(`${root}/${workflow._id}`, { ...workflow, name: 'Renamed', steps: [{ ...one, controlValues: { body: 'edited' } }, chat('three', { name: 'Three' })] }));
  const second = (await sync()).result;
  assert.equal(second.id, first.id);
  assert.equal(second.name, 'Renamed');
  assert.deepEqual(second.steps.map(({ stepId, controlValues }) => [stepId, controlValues.body]), [['one', 'edited'], ['three', 'three']]);
  assert.equal(second.steps[0].id, first.steps[0].id);
  assert.ok(!first.steps.some(({ id }) => id === second.steps[1].id));
  assert.equal((await read(workflow.workflowId))._id, workflow._id, 'the source stays');
});

fact('a duplicate is a copy with steps of its own that is not active yet', async () => {
  const workflow = await create({ name: 'Source', tags: ['t'], preferences: { user: null, workflow: { all: { enabled: false } } } });
  const copy = dataOf(await api.post(`${root}/${workflow.workflowId}/duplicate`, {}), 201);
  assert.deepEqual([copy.name, copy.active, copy.tags, copy.status], ['Source (Copy)', false, ['t'], 'INACTIVE']);
  assert.deepEqual(copy.preferences, workflow.preferences);
  assert.deepEqual(copy.steps.map(({ stepId, controlValues }) => [stepId, controlValues]), workflow.steps.map(({ stepId, controlValues }) => [stepId, controlValues]));
  assert.notEqual(copy.steps[0]._id, workflow.steps[0]._id);
  const named = dataOf(await api.post(`${root}/${workflow._id}/duplicate`, { name: 'Other', description: 'd', tags: ['u'], workflowId: unique('chosen') }), 201);
  assert.deepEqual([named.name, named.description, named.tags], ['Other', 'd', ['u']]);
  assertRefused(await api.post(`${root}/${workflow._id}/duplicate`, { workflowId: named.workflowId }), 400, /already exists/);
  const unknown = await api.post(`${root}/123/duplicate`, {});
  assertRefused(unknown, 404, 'Workflow cannot be found');
  assert.equal(unknown.body.ctx.workflowId, '123');
});

fact('a sync needs another environment, a known one, and a known workflow', async () => {
  const { workflowId } = await create();
  const sync = (id, targetEnvironmentId) => api.put(`${root}/${id}/sync`, { targetEnvironmentId });
  assertRefused(await sync(workflowId, environment._id), 400, 'Cannot sync workflow to the same environment');
  const unknown = '0'.repeat(24);
  assertRefused(await sync(workflowId, unknown), 404, `Environment ${unknown} not found`);
  const response = await sync('123', productionEnvironment._id);
  assertRefused(response, 404, 'Workflow cannot be found');
  assert.equal(response.body.ctx.workflowId, '123');
  assertInvalid(await api.put(`${root}/${workflowId}/sync`, {}), /^targetEnvironmentId /);
});

fact('a workflow of another environment is not found, and a key cannot ask for one there', async () => {
  const workflow = await create();
  for (const id of [workflow._id, workflow.slug, workflow.workflowId]) assertRefused(await production.api.get(`${root}/${id}`), 404);
  const scoped = await api.get(`${root}/${workflow._id}?environmentId=${productionEnvironment._id}`);
  assertRefused(scoped, 403, /is scoped to a single environment/);
  assert.equal(dataOf(await api.get(`${root}/${workflow._id}?environmentId=${environment._id}`))._id, workflow._id);
});

fact('one step is read by its identifier, id or slug', covers('WorkflowController_getWorkflowStepData'), async () => {
  const workflow = await create({ steps: [chat('Hi {{payload.name}}')] });
  const [step] = workflow.steps;
  for (const reference of [step.stepId, step._id, step.slug]) {
    const { result } = await novu.workflows.steps.retrieve(workflow.workflowId, reference);
    assert.deepEqual([result.id, result.stepId, result.type], [step._id, step.stepId, 'chat']);
  }
  assertRefused(await api.get(`/v2/workflows/${workflow.workflowId}/steps/nosuch`), 400, 'No step found');
});
