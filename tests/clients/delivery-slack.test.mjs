import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' },
});
after(() => server.stop());

const { api, ...make } = world(server);
const integration = await make.integration();
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
const { general, random } = slack.channels;

/** A subscriber with a workspace and one endpoint in it. */
async function connected(type, endpoint, rest = {}) {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber, ...rest });
  const { identifier } = await make.endpoint({ integration, subscriber, connection, type, endpoint, ...rest });
  return { ...subscriber, endpoint: identifier };
}

const run = async (subscriber, rest = {}, of = workflow) => {
  const text = unique('text');
  const event = await make.trigger(of, subscriber, { payload: { text }, ...rest });
  const [story] = await finished(api, event);
  return { ...event, ...story, text };
};

const inChannel = async (channel, text) => (await slack.messages(channel)).filter((message) => message.text === text);

fact('the whole way through the SDK: a workspace, an endpoint, a workflow, a trigger, a message in the channel', async () => {
  const novu = sdk(server);
  const context = { tenant: { id: 'acme', data: {} }, project: 'p1' };
  const identifier = unique('slack');
  await novu.integrations.create({ providerId: 'slack', channel: 'chat', identifier, active: true, check: false });
  const subscriberId = unique('first');
  await novu.subscribers.create({ subscriberId, firstName: 'Ann' });
  const connection = await novu.channelConnections.create({
    integrationIdentifier: identifier, subscriberId, context, workspace: { id: 'T1' }, auth: { accessToken: 'xoxb-1' },
  });
  await novu.channelEndpoints.create({
    type: 'slack_channel', integrationIdentifier: identifier, connectionIdentifier: connection.result.identifier,
    subscriberId, context, endpoint: { channelId: general },
  });
  const workflowId = unique('welcome');
  await novu.workflows.create({
    workflowId, name: 'Welcome', active: true,
    steps: [{ type: 'chat', name: 'Chat', controlValues: { body: 'Welcome {{subscriber.firstName}}, {{payload.word}}' } }],
  });
  const word = unique('word');
  const { result } = await novu.trigger({ workflowId, to: subscriberId, context, payload: { word } });
  await finished(api, result);
  assert.equal((await inChannel(general, `Welcome Ann, ${word}`)).length, 1);
});

fact('a message arrives in the channel once, and its id there is kept', async () => {
  const { text, statuses, raw, transactionId } = await run(await connected('slack_channel', { channelId: general }));
  assert.deepEqual(statuses, ['completed']);
  const found = await inChannel(general, text);
  assert.equal(found.length, 1);
  assert.ok(raw.includes(general) && raw.includes(found[0].ts), `channel and ts are in ${raw}`);
  assert.deepEqual((await messagesOf(api, { transactionId })).map(({ status }) => status), ['sent']);
});

fact('a user is told in a direct message', async () => {
  const { text, statuses } = await run(await connected('slack_user', { userId: slack.users.dana }));
  assert.deepEqual(statuses, ['completed']);
  assert.equal((await slack.directMessages(slack.users.dana)).filter((message) => message.text === text).length, 1);
});

fact('an incoming webhook needs no connection', async () => {
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, endpoint: { url: `${slack.url}/services/T000000001/B000000001/X000000001` } });
  const { text, statuses } = await run(subscriber);
  assert.deepEqual(statuses, ['completed']);
  assert.equal((await inChannel(general, text)).length, 1);
});

fact('a shared connection serves each subscriber of its context', async () => {
  const context = { tenant: unique('shared') };
  const connection = await make.connection({ integration, context });
  const subscribers = [await make.subscriber(), await make.subscriber()];
  for (const subscriber of subscribers) {
    await make.endpoint({ integration, subscriber, connection, context, type: 'slack_channel', endpoint: { channelId: random } });
    const { text } = await run(subscriber, { context });
    assert.equal((await inChannel(random, text)).length, 1);
  }
});

fact('an address override goes to the named endpoint only, and only when it fits its type', async () => {
  const subscriber = await connected('slack_channel', { channelId: general });
  const override = (endpoint) => ({ overrides: { providers: { slack: { [subscriber.endpoint]: { endpoint } } } } });
  const moved = await run(subscriber, override({ channelId: random }));
  assert.deepEqual([(await inChannel(general, moved.text)).length, (await inChannel(random, moved.text)).length], [0, 1]);
  const ignored = await run(subscriber, override({ userId: slack.users.dana }));
  assert.equal((await inChannel(general, ignored.text)).length, 1);
  const again = await run(subscriber);
  assert.equal((await inChannel(general, again.text)).length, 1, 'the endpoint itself is unchanged');
});

fact('provider overrides are merged into the request, the step before the workflow', async () => {
  const subscriber = await connected('slack_channel', { channelId: general });
  const section = (text) => [{ type: 'section', text: { type: 'mrkdwn', text } }];
  const { text } = await run(subscriber, { overrides: { providers: { slack: { blocks: section('from overrides') } } } });
  assert.deepEqual((await inChannel(general, text))[0].blocks, section('from overrides'));

  const [{ stepId }] = workflow.steps;
  const both = await run(subscriber, {
    overrides: { providers: { slack: { blocks: section('workflow') } }, steps: { [stepId]: { providers: { slack: { blocks: section('step') } } } } },
  });
  assert.deepEqual((await inChannel(general, both.text))[0].blocks, section('step'));
});

fact('what Slack refuses for good ends in an error with its words, and harms no sibling', async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber });
  for (const channelId of ['C0GONE', general]) {
    await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId } });
  }
  const mixed = await run(subscriber);
  assert.deepEqual(mixed.statuses, ['completed']);
  assert.equal((await inChannel(general, mixed.text)).length, 1);
  assert.ok(mixed.details.includes('Unexpected provider error'), mixed.details);
  assert.match(mixed.raw, /channel_not_found/);

  const alone = await run(await connected('slack_channel', { channelId: 'C0GONE' }));
  assert.deepEqual(alone.statuses, ['failed']);
  assert.ok(alone.details.includes('All chat channels failed to send the message'), alone.details);
  assert.deepEqual((await messagesOf(api, alone)).map(({ status }) => status), ['error']);
});

fact('an endpoint whose connection was deleted fails, and its siblings do not', async () => {
  const subscriber = await make.subscriber();
  const [gone, kept] = [
    await make.connection({ integration, subscriber }),
    await make.connection({ integration, context: { tenant: unique('kept') } }),
  ];
  await make.endpoint({ integration, subscriber, connection: gone, type: 'slack_channel', endpoint: { channelId: general } });
  assertStatus(await api.delete(`/v1/channel-connections/${gone.identifier}`), 204);
  const alone = await run(subscriber);
  assert.deepEqual(alone.statuses, ['failed']);
  assert.equal((await inChannel(general, alone.text)).length, 0);
  assert.equal(dataOf(await api.get(`/v1/channel-connections/${kept.identifier}`)).identifier, kept.identifier);

  const fresh = await make.connection({ integration, subscriber });
  await make.endpoint({ integration, subscriber, connection: fresh, type: 'slack_channel', endpoint: { channelId: random } });
  const mixed = await run(subscriber);
  assert.deepEqual(mixed.statuses, ['completed']);
  assert.equal((await inChannel(random, mixed.text)).length, 1);
});

fact('endpoints of an inactive integration are left out', async () => {
  const paused = await make.integration();
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration: paused, subscriber });
  await make.endpoint({ integration: paused, subscriber, connection, type: 'slack_channel', endpoint: { channelId: general } });
  dataOf(await api.put(`/v1/integrations/${paused._id}`, { active: false, check: false }));
  const silent = await run(subscriber);
  assert.deepEqual(silent.statuses, ['canceled']);
  assert.equal((await inChannel(general, silent.text)).length, 0);
  dataOf(await api.put(`/v1/integrations/${paused._id}`, { active: true, check: false }));
  const heard = await run(subscriber);
  assert.equal((await inChannel(general, heard.text)).length, 1);
});

fact('a new token is used by the next message', async () => {
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber });
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: general } });
  assert.deepEqual((await run(subscriber)).statuses, ['completed']);
  dataOf(await api.patch(`/v1/channel-connections/${connection.identifier}`, { workspace: { id: 'T1' }, auth: { accessToken: 'xoxb-new' } }));
  assert.deepEqual((await run(subscriber)).statuses, ['completed']);
});
