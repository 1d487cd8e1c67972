// What an exchange of a refresh token leaves behind when the process is killed in the middle of it: the real binary, a
// vendor whose refresh tokens work once, and SIGKILL.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { finished, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { outlive } from './harness/outlive.mjs';
import { eventually } from './harness/process.mjs';
import { credentials, startRotatingSlack } from './harness/rotating-slack.mjs';
import { onPostgres, startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startRotatingSlack();
after(() => slack.stop());
const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({
  // Dev mode has a clock to move, on SQLite alone.
  args: onPostgres ? [] : ['--dev'],
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_ALLOW_PRIVATE_NETWORKS: onPostgres ? 'true' : null },
});
after(() => server.stop());

const { api, ...make } = world(server);
const root = '/v1/channel-connections';
const integration = await make.integration({ credentials });
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
dataOf(await api.post('/v1/webhooks/endpoints', { url: `${receiver.url}/hook`, events: ['connection.*'] }), 201);

let ahead = 0;
const from = (seconds) => new Date(Date.now() + seconds * 1000 + ahead).toISOString();

/** Time passes until nothing is left of what a dead process had. */
const outlived = async () => (ahead += await outlive(server));

/** A connection with a pair of tokens, and a channel of its own. */
async function connected({ expiresIn }) {
  const team = unique('T');
  const subscriber = await make.subscriber();
  const connection = await make.connection({
    integration, subscriber, workspace: { id: team }, auth: { ...slack.issue(team), expiresAt: from(expiresIn) },
  });
  const channelId = unique('C-');
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId } });
  return { ...connection, team, subscriber, channelId };
}

const read = async ({ identifier }) => dataOf(await api.get(`${root}/${identifier}`));
const verify = ({ identifier }) => api.post(`${root}/${identifier}/verify`);

/** What webhooks were told of a connection, each event once. */
function told({ identifier }) {
  const events = new Map(receiver.requests('/hook').map((request) => [request.headers['webhook-id'], request.json]));
  return [...events.values()].filter(({ data }) => data.identifier === identifier).map(({ type }) => type).sort();
}

/** The three who ask for an exchange: how each begins, and what is done after the death. */
const askers = {
  'a send': {
    // Soon enough that a send renews it, too late for the sweep.
    expiresIn: 120,
    begin: async (it) => ({ event: await make.trigger(workflow, it.subscriber, { payload: { text: it.channelId } }) }),
    again: async () => undefined,
  },
  'the sweep': { expiresIn: 1, begin: async () => ({}), again: async () => undefined },
  'somebody who asked': {
    expiresIn: 36_000,
    // The connection breaks with the process.
    begin: async (it) => ({ answer: verify(it).catch(() => undefined) }),
    again: verify,
  },
};

async function dies() {
  await server.kill();
  await server.startAgain();
}

const working = (it) =>
  eventually(async () => {
    const { auth, health } = await read(it);
    assert.ok(slack.accepts(auth.accessToken) && auth.accessToken !== it.auth.accessToken, 'it has the new pair');
    assert.equal(health.status, 'active');
    return auth;
  });

/** The grant is lost, which is told with its reason, once; the reconnect mends it, and what waited goes out. */
async function lostAndMended(it, event) {
  const { reason, status } = await eventually(async () => {
    const { health } = await read(it);
    assert.notEqual(health.status, 'active');
    return health;
  });
  assert.equal(status, 'needs_reauth');
  assert.match(reason, /^The answer to a token refresh was lost at \S+, and Slack no longer accepts .* \(`invalid_refresh_token`\)\. It must be reconnected\.$/);
  if (event) {
    const { details } = await reaches(api, event, ['delayed']);
    assert.match(details.join('\n'), /held until the channel connection is reconnected/);
    assert.deepEqual(slack.posted(it.channelId), []);
  }
  await eventually(() => assert.deepEqual(told(it), ['connection.created', 'connection.needs_reauth']));
  const auth = { ...slack.issue(it.team), expiresAt: from(36_000) };
  dataOf(await api.patch(`${root}/${it.identifier}`, { workspace: { id: it.team }, auth }));
  await working(it);
  if (event) {
    await finished(api, event);
    assert.deepEqual(slack.posted(it.channelId), [it.channelId]);
  }
  await eventually(() => assert.deepEqual(told(it), ['connection.created', 'connection.needs_reauth', 'connection.recovered']));
}

for (const [asker, { expiresIn, begin, again }] of Object.entries(askers)) {
  fact(`${asker}: killed before the vendor acted, nothing is lost`, async () => {
    slack.forget();
    const held = slack.hold('before');
    const it = await connected({ expiresIn });
    const { event } = await begin(it);
    await held.reached;
    await dies();
    await outlived();
    await again(it);
    await working(it);
    if (event) await finished(api, event);
    assert.deepEqual(slack.posted(it.channelId), event ? [it.channelId] : []);
    assert.deepEqual(slack.tally(), { asked: 2, renewed: 1, replayed: 0, atOnce: 1 });
    await eventually(() => assert.deepEqual(told(it), ['connection.created', 'connection.refreshed']));
  });

  const late = ['before', 'before the vendor acted, which it does all the same'];
  for (const [when, name] of [['after', 'after the vendor acted'], ...(asker === 'a send' ? [late] : [])]) {
    fact(`${asker}: killed ${name}, the answer is lost and everybody is told`, async () => {
      slack.forget();
      const held = slack.hold(when);
      const it = await connected({ expiresIn });
      const { event } = await begin(it);
      await held.reached;
      await server.kill();
      held.open();
      await server.startAgain();
      await outlived();
      await again(it);
      await lostAndMended(it, event);
      assert.deepEqual(slack.tally(), { asked: 2, renewed: 1, replayed: 1, atOnce: 1 });
    });
  }

  fact(`${asker}: killed after the write, the new pair is there`, async () => {
    slack.forget();
    const posting = slack.holdMessages();
    const it = await connected({ expiresIn });
    const { event } = await begin(it);
    // The message is not out yet: its task dies too.
    if (event) await posting.reached;
    const { accessToken } = await working(it);
    await dies();
    posting.open();
    await outlived();
    if (event) await finished(api, event);
    assert.equal((await read(it)).auth.accessToken, accessToken);
    // Nobody knows whether the message of the dead process arrived.
    assert.ok(slack.posted(it.channelId).length >= (event ? 1 : 0));
    assert.deepEqual(slack.tally(), { asked: 1, renewed: 1, replayed: 0, atOnce: 1 });
    await eventually(() => assert.deepEqual(told(it), ['connection.created', 'connection.refreshed']));
  });
}

fact('killed at any moment around the write, the new pair is there or its loss is told', async (context) => {
  const ends = [];
  for (const moment of [0, 1, 2, 4, 8, 16]) {
    slack.forget();
    const held = slack.hold('after');
    const it = await connected({ expiresIn: 36_000 });
    const asked = verify(it).catch(() => undefined);
    await held.reached;
    held.open();
    await pause(moment);
    await dies();
    await asked;
    const { auth } = await read(it);
    if (slack.accepts(auth.accessToken) && auth.accessToken !== it.auth.accessToken) {
      ends.push(`${moment} ms: written`);
      await outlived();
      assertStatus(await verify(it), 200);
      assert.deepEqual(slack.tally(), { asked: 2, renewed: 2, replayed: 0, atOnce: 1 });
    } else {
      ends.push(`${moment} ms: lost`);
      assertRefused(await verify(it), 502, /already in progress/);
      await outlived();
      assertRefused(await verify(it), 502, /invalid_refresh_token/);
      await lostAndMended(it);
      assert.deepEqual(slack.tally(), { asked: 2, renewed: 1, replayed: 1, atOnce: 1 });
    }
  }
  context.diagnostic(ends.join(', '));
});
