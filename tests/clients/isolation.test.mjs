import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { assertErrorShape, assertRefused, dataOf, http } from './harness/http.mjs';
import { bodiesFor, bodyFor, everywhere, inhabit, parametersFor } from './harness/inhabited.mjs';
import { fill, routesOf } from './harness/routes.mjs';
import { startServer } from './harness/server.mjs';
import { world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const home = await inhabit(server);
const before = await home.snapshot();
const stranger = await everywhere(server, http(server, { secretKey: server.keys.production }), server.identifiers.production, 'stranger');
// Seen from Production, the other environment to sync to is Development.
const bodies = { ...bodiesFor(home), WorkflowController_sync: { targetEnvironmentId: home.environment._id } };
const routes = (await routesOf(server)).filter(({ path }) => /^\/v\d\//.test(path));

// Where the contract answers an unknown subscriber with a 400.
const also400 = new Set(['TopicsController_createTopicSubscriptions', 'SubscribersV1Controller_updateSubscriberChannel', 'SubscribersV1Controller_modifySubscriberChannel']);

// Where the contract answers what is not there with an empty 201.
const emptyPreview = { result: { preview: {} }, previewPayloadExample: {}, schema: null };
const also201 = new Set(['WorkflowController_generatePreview']);

for (const route of routes.filter(({ path }) => path.includes('{'))) {
  fact(`${route.method} ${route.path}: another environment's key finds nothing`, async () => {
    const values = parametersFor(route, home);
    const paths = [fill(route.path, values)];
    // A workflow has three names.
    if (route.path.includes('{workflowId}')) {
      for (const workflowId of [home.workflow._id, home.workflow.slug]) paths.push(fill(route.path, { ...values, workflowId }));
    }
    for (const path of paths) {
      const response = await stranger.send(route.method, path, bodyFor(route, bodies));
      if (also201.has(route.id)) {
        assert.deepEqual(dataOf(response, 201), emptyPreview);
        continue;
      }
      assertErrorShape(response);
      const expected = [401, 403, 404, ...(also400.has(route.id) ? [400] : [])];
      assert.ok(expected.includes(response.status), `${route.method} ${path} answered ${response.status} ${response.text}`);
    }
  });
}

const marks = [home.mark, home.integration._id, home.subscriber._id, home.workflow._id, home.notification._id, home.message._id];

for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
  fact(`GET ${route.path}: another environment's list holds nothing of this one`, async () => {
    const { text, status } = await stranger.get(route.path);
    assert.equal(status, 200);
    for (const mark of marks) assert.ok(!text.includes(mark), `${mark} in ${text}`);
    assert.ok(!text.includes(server.keys.development));
  });
}

fact('ids of another environment select nothing in lists', async () => {
  const selections = [
    `/v2/subscribers?after=${home.subscriber._id}`,
    `/v2/subscribers?before=${home.subscriber._id}&includeCursor=true`,
    `/v1/channel-connections?subscriberId=${home.subscriber.subscriberId}`,
    `/v1/channel-connections?integrationIdentifier=${home.integration.identifier}`,
    `/v1/channel-endpoints?connectionIdentifier=${home.connection.identifier}`,
    `/v2/contexts?id=${home.context.id}`,
    `/v1/notifications?transactionId=${home.event.transactionId}`,
    `/v1/notifications?templates=${home.workflow._id}`,
    `/v1/messages?transactionId=${home.event.transactionId}`,
    `/v2/topics?key=${home.topic.key}`,
    `/v2/topics?after=${home.topic._id}`,
  ];
  for (const path of selections) assert.deepEqual(dataOf(await stranger.get(path)), [], path);
});

fact('bodies cannot reach over either', async () => {
  const own = world(server, { secretKey: server.keys.production });
  const integration = await own.integration();
  const subscriber = await own.subscriber();
  const hook = { type: 'webhook', endpoint: { url: 'https://hooks.example.com' } };
  const { identifier } = home.integration;
  assertRefused(await stranger.post('/v1/events/trigger', { name: home.workflow.workflowId, to: 'someone' }), 422, 'workflow_not_found');
  assertRefused(
    await stranger.post('/v1/channel-connections', { integrationIdentifier: identifier, subscriberId: subscriber.subscriberId, workspace: { id: 'T' }, auth: { accessToken: 'x' } }),
    404, `Integration not found: ${identifier}`,
  );
  assertRefused(
    await stranger.post('/v1/channel-endpoints', { integrationIdentifier: identifier, subscriberId: subscriber.subscriberId, ...hook }),
    404, `Integration not found: ${identifier}`,
  );
  assertRefused(
    await stranger.post('/v1/channel-endpoints', { integrationIdentifier: integration.identifier, subscriberId: home.subscriber.subscriberId, ...hook }), 404,
  );
  assertRefused(
    await stranger.post('/v1/channel-endpoints', { integrationIdentifier: integration.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: home.connection.identifier, ...hook }),
    404, `Channel connection not found: ${home.connection.identifier}`,
  );
});

fact('identifiers that are taken here are free there, and stay apart', async () => {
  const own = world(server, { secretKey: server.keys.production });
  const integration = await own.integration({ identifier: home.integration.identifier });
  const subscriber = await own.subscriber({ subscriberId: home.subscriber.subscriberId, firstName: 'Other' });
  const connection = await own.connection({ integration, subscriber, identifier: home.connection.identifier, auth: { accessToken: `${home.mark}-token` } });
  await own.endpoint({ integration, subscriber, connection, identifier: home.endpoint.identifier, endpoint: { url: 'https://hooks.example.com' } });
  const workflow = await own.workflow({ workflowId: home.workflow.workflowId });
  assert.equal(workflow.workflowId, home.workflow.workflowId);
  const event = await own.trigger(workflow, subscriber, { transactionId: home.event.transactionId });
  assert.equal(event.transactionId, home.event.transactionId);
  await stranger.delete(`/v1/channel-connections/${connection.identifier}`);
  await stranger.delete(`/v2/subscribers/${subscriber.subscriberId}`);
});

fact('after all this nothing has changed', async () => {
  assert.deepEqual(await home.snapshot(), before);
});
