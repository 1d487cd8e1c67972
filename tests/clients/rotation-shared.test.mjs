// One grant under many hands: connections that share it, sends that need it at the same moment, and nodes beside each other.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { outlive } from './harness/outlive.mjs';
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
const read = async ({ identifier }) => dataOf(await api.get(`${root}/${identifier}`));

/** A connection that a person made by consent, in a workspace. */
async function consented(team) {
  const subscriber = await make.subscriber();
  const identifier = unique('connection');
  const body = { integrationIdentifier: integration.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: identifier };
  const { url } = dataOf(await api.post('/v1/integrations/channel-connections/oauth', body), 201);
  assertStatus(await http(server, { secretKey: 'nobody' }).get(slack.consent(url, { team, expiresIn: 120 }).slice(server.url.length), { accept: 'text/html' }), 200);
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

/** Sends to all at the same moment, by these callers in turn, while the vendor takes its time over the first exchange. */
async function sendToAll(everybody, callers) {
  const held = slack.hold('after');
  const events = await Promise.all(everybody.map((one, at) => send(one, callers[at % callers.length])));
  await held.reached;
  held.open();
  await allArrived(everybody, events);
}

fact('fifty sends over three connections that share a grant make one exchange, and nobody’s disconnect silences a colleague', async () => {
  const { connections } = await threeOnOneGrant();
  const everybody = await people(connections);
  await sendToAll(everybody, [api]);
  assert.deepEqual(slack.tally(), { asked: 1, renewed: 1, replayed: 0, atOnce: 1 });
  const tokens = await Promise.all(connections.map(async (one) => (await read(one)).auth.accessToken));
  assert.equal(new Set(tokens).size, 1);

  const [first, ...others] = connections;
  assertStatus(await api.delete(`${root}/${first.identifier}`), 204);
  const colleagues = await people(others, 4);
  await allArrived(colleagues, await Promise.all(colleagues.map((one) => send(one))));
  for (const other of others) {
    const { auth, health } = dataOf(await api.post(`${root}/${other.identifier}/verify`));
    assert.ok(slack.accepts(auth.accessToken));
    assert.equal(health.status, 'active');
  }
  assert.equal(slack.revocations(), 0);
  for (const other of others) assertStatus(await api.delete(`${root}/${other.identifier}`), 204);
  await eventually(() => assert.equal(slack.revocations(), 1, 'the last one takes the grant with it'));
  assert.equal(slack.tally().replayed, 0);
});

// One file of SQLite belongs to one process.
if (onPostgres) {
  fact('three nodes make one exchange', async () => {
    const { connections } = await threeOnOneGrant();
    const everybody = await people(connections);
    const nodes = [server, await server.join(), await server.join()];
    await sendToAll(everybody, nodes.map((node) => http(node)));
    assert.deepEqual(slack.tally(), { asked: 1, renewed: 1, replayed: 0, atOnce: 1 });
    for (const node of nodes.slice(1)) await node.kill();
  });

  fact('when a node is killed in the middle of an exchange, another one makes it', async () => {
    const { connections: [connection] } = await threeOnOneGrant();
    const doomed = await server.join();
    const path = `${root}/${connection.identifier}/verify`;
    const held = slack.hold('before');
    const asked = http(doomed).post(path).catch(() => undefined);
    await held.reached;
    assertRefused(await api.post(path), 502, /already in progress/);
    await doomed.kill();
    await asked;
    assertRefused(await api.post(path), 502, /already in progress/);
    await outlive(server);
    const { auth, health } = dataOf(await api.post(path));
    assert.ok(slack.accepts(auth.accessToken));
    assert.equal(health.status, 'active');
    assert.deepEqual(slack.tally(), { asked: 2, renewed: 1, replayed: 0, atOnce: 1 });
  });

  fact('when a node is killed while its send waits for an exchange, another one makes both', async () => {
    const { connections } = await threeOnOneGrant();
    const [one] = await people(connections, 1);
    const doomed = await server.join();
    await server.kill();
    const held = slack.hold('before');
    const event = await send(one, http(doomed));
    await held.reached;
    await server.startAgain();
    await doomed.kill();
    await outlive(server);
    await allArrived([one], [event]);
    assert.deepEqual(slack.tally(), { asked: 2, renewed: 1, replayed: 0, atOnce: 1 });
  });
}
