// Steps that are written in code are stored, checked and shown; running them takes a bridge, which comes later.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const code = { type: 'custom', name: 'Ask the code', stepId: 'ask', controlValues: { custom: { model: 'small', retries: 2 } } };
const inApp = (body) => ({ type: 'in_app', name: 'Tell', stepId: 'tell', controlValues: { body } });

fact('a step in code is stored with whatever its controls are, shown, and kept by updates', covers('WorkflowController_create'), async () => {
  const workflowId = unique('coded');
  const { result: made } = await novu.workflows.create({ workflowId, name: 'Coded', active: true, steps: [code, inApp('x')] });
  assert.equal(made.status, 'ACTIVE');
  const stored = dataOf(await api.get(`/v2/workflows/${workflowId}`));
  const [step] = stored.steps;
  assert.deepEqual([step.type, step.stepId, step.controlValues, step.issues ?? {}], ['custom', 'ask', code.controlValues, {}]);
  const shown = dataOf(await api.get(`/v2/workflows/${workflowId}/steps/ask`));
  assert.equal(shown.controls.dataSchema.additionalProperties, true);
  const told = dataOf(await api.get(`/v2/workflows/${workflowId}/steps/tell`));
  assert.deepEqual(told.variables.properties.steps.properties.ask, { type: 'object', properties: {}, additionalProperties: true });
  const updated = dataOf(await api.put(`/v2/workflows/${workflowId}`, { ...stored, name: 'Renamed' }));
  assert.deepEqual([updated.name, updated.steps[0].controlValues], ['Renamed', code.controlValues]);
});

fact('it is skipped when its turn comes, the feed says why, and later steps run without its result', async () => {
  const workflow = await make.workflow({ steps: [code, inApp('[{{steps.ask.answer}}]')] });
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: unique('ann') });
  const [{ notification, steps, statuses, details }] = await finished(api, result);
  assert.deepEqual([steps.map(({ type }) => type), statuses], [['custom', 'in_app'], ['canceled', 'completed']]);
  assert.ok(details.includes('This server cannot execute steps of this type yet; the step was skipped'), details);
  const [message] = dataOf(await api.get(`/v1/messages?transactionId=${notification.transactionId}`));
  assert.equal(message.content, '[]');
});

fact('its conditions are asked before', async () => {
  const workflow = await make.workflow({ steps: [{ ...code, controlValues: { ...code.controlValues, skip: { '==': [1, 2] } } }, inApp('x')] });
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: unique('ann') });
  const [{ statuses, details }] = await finished(api, result);
  assert.deepEqual(statuses, ['canceled', 'completed']);
  assert.ok(details.includes('Step was skipped based on steps conditions'), details);
});
