// An environment with one of everything, the paths that lead to it, and a valid body for each operation that takes one.
import assert from 'node:assert/strict';
import { finished, messagesOf } from './activity.mjs';
import { dataOf } from './http.mjs';
import { eventually } from './process.mjs';
import { world } from './world.mjs';

const MARK = 'inhabitant';
const OF_SUBSCRIBERS = /^\/v1\/inbox\/(?!session)/;

/** Sends with the key, and to the routes of subscribers with the token of a session instead. */
export async function everywhere(server, api, applicationIdentifier, subscriber) {
  const { token } = dataOf(await api.post('/v1/inbox/session', { applicationIdentifier, subscriber }), 201);
  const send = (method, path, body, headers) =>
    api.send(method, path, body, { ...(OF_SUBSCRIBERS.test(path) && { authorization: `Bearer ${token}` }), ...headers });
  return { ...api, send, get: (path, headers) => send('GET', path, undefined, headers) };
}

export async function inhabit(server) {
  const { api: plain, ...make } = world(server);
  const integration = await make.integration({ providerId: 'chat-webhook', identifier: `${MARK}-integration` });
  const slack = await make.integration({ identifier: `${MARK}-slack`, credentials: { clientId: 'c', secretKey: 's' } });
  const subscriber = await make.subscriber({ subscriberId: `${MARK}-subscriber`, firstName: 'Ann' });
  const api = await everywhere(server, plain, server.identifiers.development, subscriber.subscriberId);
  dataOf(await api.put(`/v1/subscribers/${subscriber.subscriberId}/credentials`, { providerId: 'chat-webhook', credentials: { webhookUrl: 'ftp://refused.example.com' } }));
  const context = dataOf(await api.post('/v2/contexts', { type: 'tenant', id: `${MARK}-context`, data: { a: 1 } }), 201);
  const connection = await make.connection({ integration, subscriber, identifier: `${MARK}-connection`, auth: { accessToken: `${MARK}-token` } });
  const endpoint = await make.endpoint({ integration, subscriber, connection, identifier: `${MARK}-endpoint`, endpoint: { url: 'ftp://refused.example.com' } });
  const workflow = await make.workflow({ workflowId: `${MARK}-workflow`, name: `${MARK} workflow` });
  const event = await make.trigger(workflow, subscriber, { transactionId: `${MARK}-transaction` });
  const [{ notification }] = await finished(api, event);
  const [message] = await messagesOf(api, event);
  const topic = dataOf(await api.post('/v2/topics', { key: `${MARK}-topic`, name: `${MARK} topic` }), 201);
  const [subscription] = dataOf(await api.post(`/v2/topics/${topic.key}/subscriptions`, { subscriberIds: [subscriber.subscriberId] }), 201);
  const layout = dataOf(await api.post('/v2/layouts', { layoutId: `${MARK}-layout`, name: `${MARK} layout` }), 201);
  dataOf(await api.post('/v2/translations', { resourceId: workflow.workflowId, resourceType: 'workflow', locale: 'en_US', content: { title: `${MARK} title` } }), 200);
  const webhook = dataOf(await api.post('/v1/webhooks/endpoints', { url: 'https://receiver.invalid/hook', events: ['webhook.disabled'], description: `${MARK} webhook` }), 201);
  const { deliveryId } = dataOf(await api.post(`/v1/webhooks/endpoints/${webhook._id}/test`), 201);
  // Its first attempt fails; what is told of that is the same from then on.
  await eventually(async () => assert.ok(dataOf(await api.get(`/v1/webhooks/endpoints/${webhook._id}`)).failingSince));
  const environments = dataOf(await api.get('/v1/environments'));
  const environment = environments.find(({ name }) => name === 'Development');
  const production = environments.find(({ name }) => name === 'Production');

  /** What every list shows, to be compared before and after. */
  const snapshot = async () => {
    const lists = {};
    for (const path of LISTS) lists[path] = dataOf(await api.get(path));
    return lists;
  };

  return { api, mark: MARK, integration, slack, subscriber, context, connection, endpoint, workflow, event, notification, message, layout, topic, subscription, webhook, deliveryId, environment, production, snapshot };
}

const LISTS = [
  '/v1/integrations', '/v2/subscribers?limit=100', '/v2/contexts?limit=100', '/v1/channel-connections?limit=100', '/v1/channel-endpoints?limit=100',
  '/v2/workflows?limit=100', '/v1/notifications?limit=50', '/v1/messages?limit=100', '/v1/environments', '/v1/environments/api-keys',
  '/v1/webhooks/endpoints?limit=100', '/v2/layouts?limit=100', '/v2/translations/master-json', '/v2/topics?limit=100', `/v2/topics/${MARK}-topic/subscriptions?limit=100`,
];

/** The values of a path's parameters for one operation: `{identifier}` means another thing in each noun. */
export function parametersFor({ path }, it) {
  const owner = [['channel-connections', it.connection], ['/topics/', it.subscription]].find(([word]) => path.includes(word))?.[1] ?? it.endpoint;
  const { identifier } = owner;
  return {
    identifier,
    subscriberId: it.subscriber.subscriberId,
    providerId: 'chat-webhook',
    integrationId: it.integration._id,
    integrationIdentifier: it.integration.identifier,
    workflowId: it.workflow.workflowId,
    stepId: it.workflow.steps[0].stepId,
    type: it.context.type,
    id: it.context.id,
    messageId: it.message._id,
    notificationId: it.notification._id,
    transactionId: it.event.transactionId,
    layoutId: it.layout.layoutId,
    resourceType: 'workflow',
    resourceId: it.workflow.workflowId,
    locale: 'en_US',
    webhookId: it.webhook._id,
    deliveryId: it.deliveryId,
    topicKey: it.topic.key,
    externalSubscriberId: it.subscriber.subscriberId,
    environmentId: it.environment._id,
    targetEnvironmentId: it.production._id,
    // Its key is the organization's, so that none is made that another environment would see.
    variableKey: 'NO_SUCH_KEY',
  };
}

/** A body that each operation would accept, made of what stands in the environment. */
export function bodiesFor(it) {
  const { workflow, integration, slack, subscriber, connection, production } = it;
  const chat = { type: 'chat', name: 'Chat', controlValues: { body: 'Hello' } };
  return {
    EventsController_trigger: { name: workflow.workflowId, to: subscriber.subscriberId, payload: {}, overrides: {}, transactionId: 'a-transaction', context: { tenant: 'acme' } },
    EventsController_triggerBulk: { events: [{ name: workflow.workflowId, to: [{ type: 'Topic', topicKey: it.topic.key, exclude: ['a'] }], payload: {}, transactionId: 'one-of-many' }] },
    EventsController_broadcastEventToAll: { name: workflow.workflowId, payload: {}, overrides: {}, transactionId: 'a-broadcast', context: { tenant: 'acme' } },
    SubscribersController_createSubscriber: {
      subscriberId: 'a-subscriber', firstName: 'A', lastName: 'B', email: 'a@example.com', phone: '+1', avatar: 'https://a.example', locale: 'en_US', timezone: 'UTC', data: {},
    },
    SubscribersController_patchSubscriber: { firstName: 'A', lastName: 'B', email: 'a@example.com', phone: '+1', avatar: 'https://a.example', locale: 'en_US', timezone: 'UTC', data: {} },
    SubscribersController_updateSubscriberPreferences: {
      channels: { email: true, sms: true, in_app: true, push: true, chat: true }, workflowId: workflow.workflowId, context: { project: 'p' },
      schedule: { isEnabled: true, weeklySchedule: { monday: { isEnabled: true, hours: [{ start: '09:00 AM', end: '05:00 PM' }] } } },
    },
    SubscribersController_bulkUpdateSubscriberPreferences: { preferences: [{ workflowId: workflow.workflowId, channels: { email: true } }], context: { project: 'p' } },
    SubscribersV1Controller_bulkCreateSubscribers: { subscribers: [{ subscriberId: 'a-subscriber' }] },
    SubscribersV1Controller_updateSubscriberChannel: { providerId: 'chat-webhook', integrationIdentifier: integration.identifier, credentials: { webhookUrl: 'https://hooks.example.com' } },
    SubscribersV1Controller_modifySubscriberChannel: { providerId: 'chat-webhook', integrationIdentifier: integration.identifier, credentials: { webhookUrl: 'https://hooks.example.com' } },
    WorkflowController_create: { name: 'A workflow', workflowId: 'a-workflow', description: 'd', tags: ['a'], active: true, steps: [chat], severity: 'none', payloadSchema: { type: 'object' }, validatePayload: true },
    WorkflowController_update: { name: 'A workflow', description: 'd', tags: ['a'], active: true, steps: [chat], preferences: { user: null }, origin: 'novu-cloud', severity: 'none' },
    WorkflowController_patchWorkflow: { name: 'A workflow', description: 'd', tags: ['a'], active: true },
    WorkflowController_generatePreview: { controlValues: { body: 'Hello {{payload.name}}' }, previewPayload: { payload: { name: 'A' }, subscriber: {}, steps: {}, context: {}, env: {} } },
    WorkflowController_sync: { targetEnvironmentId: production._id },
    IntegrationsController_createIntegration: { providerId: 'slack', channel: 'chat', name: 'An integration', identifier: 'an-integration', active: true, check: false, credentials: { clientId: 'c' }, conditions: [] },
    IntegrationsController_updateIntegrationById: { name: 'An integration', identifier: 'an-integration', active: true, check: false, credentials: { clientId: 'c' }, conditions: [] },
    IntegrationsController_setIntegrationAsPrimary: undefined,
    ChannelConnectionsController_createChannelConnection: {
      integrationIdentifier: integration.identifier, identifier: 'a-connection', subscriberId: subscriber.subscriberId, context: { project: 'p' }, connectionMode: 'subscriber',
      workspace: { id: 'T1', name: 'W' }, auth: { accessToken: 'x', expiresAt: '2031-01-01T00:00:00.000Z' },
    },
    ChannelConnectionsController_updateChannelConnection: { workspace: { id: 'T1', name: 'W' }, auth: { accessToken: 'x' } },
    ChannelEndpointsController_createChannelEndpoint: {
      integrationIdentifier: integration.identifier, connectionIdentifier: connection.identifier, identifier: 'an-endpoint', subscriberId: subscriber.subscriberId, context: { project: 'p' },
      createSubscriberIfMissing: false, type: 'webhook', endpoint: { url: 'https://hooks.example.com', channel: 'c' },
    },
    InboxController_initializeSession: { applicationIdentifier: 'of-nobody', subscriber: 'a-subscriber', subscriberHash: 'beef', context: { project: 'p' }, contextHash: 'beef' },
    InboxController_generateConnectOAuthUrl: { integrationIdentifier: integration.identifier, connectionIdentifier: 'a-connection', connectionMode: 'subscriber', autoLinkUser: true, scope: ['chat:write'] },
    InboxController_getChatOAuthUrl: { integrationIdentifier: integration.identifier, connectionIdentifier: 'a-connection', mode: 'link_user', userScope: ['identity.basic'] },
    InboxController_generateLinkUserOAuthUrl: { integrationIdentifier: integration.identifier, connectionIdentifier: connection.identifier, userScope: ['identity.basic'] },
    InboxController_linkChannelEndpoint: { integrationIdentifier: integration.identifier },
    InboxController_createChannelEndpoint: { integrationIdentifier: integration.identifier, identifier: 'an-endpoint', type: 'webhook', endpoint: { url: 'https://hooks.example.com' } },
    ChannelEndpointsController_updateChannelEndpoint: { endpoint: { url: 'https://hooks.example.com', channel: 'c' } },
    IntegrationsController_generateConnectOAuthUrl: {
      integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: 'a-consent', context: { project: 'p' }, contextHash: 'h',
      scope: ['chat:write'], connectionMode: 'subscriber', autoLinkUser: true,
    },
    IntegrationsController_generateLinkUserOAuthUrl: {
      integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: 'a-consent', context: { project: 'p' }, contextHash: 'h',
      userScope: ['identity.basic'],
    },
    IntegrationsController_getChatOAuthUrl: {
      integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: 'a-consent', context: { project: 'p' }, contextHash: 'h',
      scope: ['chat:write'], userScope: ['identity.basic'], mode: 'connect', connectionMode: 'subscriber', autoLinkUser: true,
    },
    IntegrationsController_linkChannelEndpoint: { integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, context: { project: 'p' }, contextHash: 'h' },
    ChannelConnectionSessions_create: {
      integrationIdentifier: slack.identifier, subscriberId: subscriber.subscriberId, context: { project: 'p' }, connectionMode: 'subscriber', connectionIdentifier: 'a-consent',
      scope: ['chat:write'], autoLinkUser: true, pick: 'channel', redirectUrl: 'https://app.example.com/done', appearance: { name: 'A', color: '#123456' }, expiresIn: 600,
    },
    EnvironmentsControllerV1_createEnvironment: { name: 'An environment', color: '#123456' },
    EnvironmentsControllerV1_updateMyEnvironment: { color: '#ff8547', dns: { inboundParseDomain: '' }, bridge: { url: '' } },
    EnvironmentsController_diffEnvironment: { sourceEnvironmentId: it.environment._id },
    EnvironmentsController_publishEnvironment: { sourceEnvironmentId: it.environment._id, dryRun: true, resources: [{ resourceType: 'workflow', resourceId: workflow.workflowId }] },
    EnvironmentVariablesController_createEnvironmentVariable: { key: 'A_KEY', isSecret: false, values: [{ _environmentId: it.environment._id, value: 'x' }] },
    EnvironmentVariablesController_updateEnvironmentVariable: { key: 'A_KEY', isSecret: true, values: [{ _environmentId: it.environment._id, value: 'x' }] },
    ContextsController_createContext: { type: 'tenant', id: 'a-context', data: {} },
    ContextsController_updateContext: { data: {} },
    TopicsController_upsertTopic: { key: 'a-topic', name: 'A topic' },
    TopicsController_updateTopic: { name: 'A topic' },
    TopicsController_createTopicSubscriptions: {
      subscriberIds: [subscriber.subscriberId], subscriptions: [{ identifier: 'a-subscription', subscriberId: subscriber.subscriberId, name: 'A subscription' }],
      name: 'A topic', context: { project: 'p' }, preferences: [{ workflowId: workflow.workflowId, enabled: true, condition: { '==': [1, 1] } }],
    },
    TopicsController_updateTopicSubscription: { name: 'A subscription', preferences: [{ filter: { workflowIds: [workflow._id], tags: ['a'] }, enabled: true }] },
    TopicsController_deleteTopicSubscriptions: { subscriberIds: [subscriber.subscriberId], subscriptions: [{ identifier: 'a-subscription', subscriberId: subscriber.subscriberId }] },
    LayoutsController_create: { layoutId: 'a-layout', name: 'A layout', isTranslationEnabled: false },
    LayoutsController_update: { name: 'A layout', controlValues: { email: { body: '<html><body>{{content}}</body></html>', editorType: 'html' } } },
    LayoutsController_duplicate: { name: 'A layout', layoutId: 'a-layout' },
    LayoutsController_generatePreview: { controlValues: { email: { body: '<html><body>{{content}}</body></html>', editorType: 'html' } }, previewPayload: { subscriber: { firstName: 'A' } } },
    TranslationController_createTranslationEndpoint: { resourceId: workflow.workflowId, resourceType: 'workflow', locale: 'de_DE', content: { title: 'T' } },
    TranslationController_importMasterJsonEndpoint: { locale: 'de_DE', masterJson: { workflows: { [workflow.workflowId]: { title: 'T' } }, layouts: {} } },
    WebhooksController_createEndpoint: { url: 'https://receiver.invalid/hook', description: 'd', events: ['webhook.disabled'], active: true },
    WebhooksController_updateEndpoint: { url: 'https://receiver.invalid/hook', description: 'd', events: ['webhook.disabled'], active: true },
    WebhooksController_redriveFailed: { since: '2031-01-01T00:00:00.000Z', until: '2032-01-01T00:00:00.000Z', event: 'webhook.disabled' },
    SubscribersV1Controller_updateSubscriberOnlineFlag: { isOnline: true },
    'POST /v1/channel-connections/{identifier}/test-message': { type: 'webhook', endpoint: { url: 'ftp://refused.example.com' }, text: 'A test' },
    'POST /v1/channel-endpoints/{identifier}/test-message': { text: 'A test' },
  };
}

/** The body for one route; a route that takes a body and is not known here fails the test, so that none is forgotten. */
export function bodyFor(route, bodies) {
  if (!route.hasBody) return undefined;
  // Routes that are Campanile's own have no operation id.
  const key = route.id || `${route.method} ${route.path}`;
  assert.ok(key in bodies, `no body for ${key}: add it to harness/inhabited.mjs`);
  return bodies[key];
}
