// One grant under many hands: connections that share it, sends that need it at the same moment, and nodes beside each other.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, story, notificationsOf } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { credentials, startRotatingSlack } from './harness/rotating-slack.mjs';
import { onPostgres, startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startRotatingSlack();
after(() => slack.stop());
const server = await startServer({ settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url } });
after(() => server.stop());

const { api, ...make } = world(server);
const root = '/v1/channel-connections';
const SENDS = 50;
const integration = await make.integration({ credentials });
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
const inTwoMinutes = () => new Date(Date.now() + 120_000).toISOString();
const read = async ({ identifier }) => dataOf(await api.get(`${root}/${identifier}`));

/** A connection that a person made by consent, in a workspace. */
async function consented(team) {
  const subscriber = await make.subscriber();
  const identifier = unique('connection');
  const body = { integrationIdentifier: integration.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: identifier };
  const { url } = dataOf(await api.post('/v1/integrations/channel-connections/oauth', body), 201);
  assertStatus(await http(server, { secretKey: 'nobody' }).get(slack.consent(url, team).slice(server.url.length), { accept: 'text/html' }), 200);
  return read({ identifier });
}

/** Three connections of three people on one grant, whose token ends soon. */
async function threeOnOneGrant() {
  const team = unique('T');
  slack.forget();
  const connections = [];
  for (let number = 0; number < 3; number += 1) connections.push(await consented(team));
  return { team, connections };
}

/** So many people, each with a channel on one of the connections. */
function people(connections, count = SENDS) {
  return Promise.all(Array.from({ length: count }, async (_, at) => {
    const subscriber = await make.subscriber();
    const channelId = unique('C-');
    await make.endpoint({ integration, subscriber, connection: connections[at % connections.length], type: 'slack_channel', endpoint: { channelId } });
    return { subscriber, channelId };
  }));
}

const send = ({ subscriber, channelId }, by = api) =>
  by.post('/v1/events/trigger', { name: workflow.workflowId, to: subscriber.subscriberId, payload: { text: channelId } }).then((answer) => dataOf(answer, 201));

/** All were sent with one attempt, and each message is there once. */
async function allArrived(everybody, events) {
  for (const [at, event] of events.entries()) {
    const [{ statuses }] = await finished(api, event);
    assert.deepEqual(statuses, ['completed']);
    assert.deepEqual(slack.posted(everybody[at].channelId), [everybody[at].channelId]);
  }
}
