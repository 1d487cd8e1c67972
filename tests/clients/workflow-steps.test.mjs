import assert from 'node:assert/strict';
import { after } from 'node:test';
import { createHmac } from 'node:crypto';
import { finished } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertRefused, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({ settings: { CAMPANILE_ALLOW_PRIVATE_NETWORKS: 'true' } });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const root = '/v2/workflows';
const integration = await make.integration({ providerId: 'chat-webhook' });

/** A subscriber whose messages arrive at a path of the receiver. */
async function listener(profile) {
  const subscriber = await make.subscriber(profile);
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: `${receiver.url}${path}` } });
  return { ...subscriber, heard: () => receiver.requests(path).map(({ json }) => json.content) };
}

const workflow = async (steps, change = {}) => {
  const workflowId = unique('stepped');
  return dataOf(await api.post(root, { workflowId, name: workflowId, active: true, steps, ...change }), 201);
};
const chat = (body, controlValues = {}) => ({ type: 'chat', name: 'Chat', controlValues: { body, ...controlValues } });

// Conditions

fact('a step runs when its conditions hold, and the feed says why it did not', async () => {
  const ann = await listener({ firstName: 'Ann' });
  const told = await workflow([
    chat('for the pro', { skip: { '==': [{ var: 'payload.plan' }, 'pro'] } }),
    chat('for Ann', { skip: { and: [{ '=': [{ var: 'subscriber.firstName' }, '{{payload.who}}'] }, { notNull: [{ var: 'payload.who' }] }] } }),
  ]);
  assert.equal(told.status, 'ACTIVE');
  const [story] = await finished(api, await make.trigger(told, ann, { payload: { plan: 'free', who: 'Ann' } }));
  assert.deepEqual(ann.heard(), ['for Ann']);
  assert.match(story.raw, /payload\.plan/);
  assert.ok(story.details.includes('Step was skipped based on steps conditions'), story.details);
});

fact('a condition about a variable that a step does not have is an issue', async () => {
  const { steps, status } = await workflow([chat('x', { skip: { '==': [{ var: 'nobody.knows' }, 1] } })]);
  assert.equal(status, 'ERROR');
  assert.equal(steps[0].issues.controls.skip[0].issueType, 'ILLEGAL_VARIABLE_IN_CONTROL_VALUE');
});

// HTTP request

const request = (path, controlValues = {}) => ({
  type: 'http_request',
  name: 'Ask',
  stepId: 'ask',
  controlValues: { method: 'POST', url: `${receiver.url}${path}`, body: '{"who":"{{subscriber.subscriberId}}"}', headers: [{ key: 'X-Key', value: 'k' }], ...controlValues },
});

fact('an HTTP request is signed with the key of the environment, and its answer is seen by later steps', async () => {
  const ann = await listener();
  const path = `/${unique('ask')}`;
  receiver.answers(path, { body: { score: 42 } });
  const { result } = await novu.workflows.create({
    workflowId: unique('asking'), name: 'Asking', active: true,
    steps: [request(path), chat('score {{steps.ask.score}}')],
  });
  assert.equal(result.status, 'ACTIVE');
  await finished(api, await make.trigger(result, ann));
  const [call] = receiver.requests(path);
  assert.deepEqual(call.json, { who: ann.subscriberId });
  assert.equal(call.headers['x-key'], 'k');
  const [, time, tag] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(call.headers['novu-signature']);
  assert.equal(tag, createHmac('sha256', server.keys.development).update(`${time}.${call.text}`).digest('hex'));
  assert.deepEqual(ann.heard(), ['score 42']);
});

fact('a failed HTTP request ends the notification, unless it continues on failure', async () => {
  const ann = await listener();
  const strict = await workflow([request('/x', { url: 'http://127.0.0.1:1/closed' }), chat('strict')]);
  const lax = await workflow([request('/x', { url: 'http://127.0.0.1:1/closed', continueOnFailure: true }), chat('lax')]);
  const [story] = await finished(api, await make.trigger(strict, ann));
  assert.ok(story.details.includes('Action step execution failed'), story.details);
  await finished(api, await make.trigger(lax, ann));
  assert.deepEqual(ann.heard(), ['lax']);
});

// Severity, critical

fact('a notification is as urgent as its workflow, unless the trigger says otherwise', async () => {
  const ann = await listener();
  const told = await workflow([chat('x')], { severity: 'high' });
  const [own] = await finished(api, await make.trigger(told, ann));
  assert.equal(own.notification.severity, 'high');
  const [given] = await finished(api, await make.trigger(told, ann, { overrides: { severity: 'low' } }));
  assert.equal(given.notification.severity, 'low');
  const [odd] = await finished(api, await make.trigger(told, ann, { overrides: { severity: 'extreme' } }));
  assert.equal(odd.notification.severity, 'high');
});

fact('a workflow whose preferences are read-only is critical', async () => {
  const ann = await listener();
  const free = await workflow([chat('x')]);
  const critical = await workflow([chat('x')], { preferences: { user: null, workflow: { all: { enabled: true, readOnly: true } } } });
  const [one] = await finished(api, await make.trigger(free, ann));
  const [other] = await finished(api, await make.trigger(critical, ann));
  assert.deepEqual([one.notification.critical, other.notification.critical], [false, true]);
});

// Preview and test data

fact('a preview renders what is typed with examples', covers('WorkflowController_generatePreview'), async () => {
  const told = await workflow([
    { type: 'digest', name: 'Digest', stepId: 'digest-step', controlValues: { amount: 1, unit: 'hours' } },
    chat('stored {{payload.name}}'),
  ]);
  const [digest, step] = told.steps;
  const preview = async (generatePreviewRequestDto, stepId = step.stepId) =>
    (await novu.workflows.steps.generatePreview({ workflowId: told.workflowId, stepId, generatePreviewRequestDto })).result;
  const stored = await preview({});
  assert.deepEqual([stored.result.type, stored.result.preview.body], ['chat', 'stored name']);
  assert.equal(stored.previewPayloadExample.subscriber.firstName, 'John');
  const typed = await preview({
    controlValues: { body: 'Hi {{subscriber.firstName}} {{subscriber.lastName}}: {{payload.items[0].id}} {{steps.digest-step.events.length}} {{steps.digest-step.eventCount}} {{payload.' },
    previewPayload: { subscriber: { firstName: 'Ann' }, payload: { items: [{ id: 5 }] } },
  });
  assert.equal(typed.result.preview.body, 'Hi Ann Doe: 5 3 3 ');
  assert.deepEqual((await preview({}, digest.stepId)).result, { type: 'digest', preview: { amount: 1, unit: 'hours' } });
  const broken = await preview({ controlValues: { body: '{% if payload.x %}' } });
  assert.equal(broken.result.error.title, 'The step could not be rendered');
});

fact('a preview of nothing is nothing', async () => {
  const response = await api.post(`${root}/nobody-made-this/step/nor-this/preview`, {});
  assert.deepEqual(dataOf(response, 201), { result: { preview: {} }, previewPayloadExample: {}, schema: null });
});

fact('a preview of an HTTP request shows its signature', async () => {
  const told = await workflow([request('/never-called')]);
  const shown = dataOf(await api.post(`${root}/${told.workflowId}/step/ask/preview`, {}), 201);
  assert.match(shown.novuSignature, /^t=\d+,v1=[0-9a-f]{64}$/);
  assert.equal(shown.result.preview.method, 'POST');
});

fact('test data asks for what the channels need', async () => {
  const told = await workflow([{ type: 'email', name: 'Mail', controlValues: { subject: '{{payload.title}}', body: 'b' } }]);
  const { to, payload } = dataOf(await api.get(`${root}/${told.workflowId}/test-data`));
  assert.deepEqual(to.required, ['subscriberId', 'email']);
  assert.equal(to.properties.email.format, 'email');
  assert.ok(payload.properties.title);
  assertRefused(await api.get(`${root}/nobody-made-this/test-data`), 404);
});
