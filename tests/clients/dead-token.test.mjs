// The whole story of a token that dies at the vendor: who hears of it, how the customer mends it, and what waited for that.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { finished, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertStatus, dataOf, http } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { credentials, startRotatingSlack } from './harness/rotating-slack.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const slack = await startRotatingSlack();
after(() => slack.stop());
const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_ALLOW_PRIVATE_NETWORKS: 'true' },
});
after(() => server.stop());

const { api, ...make } = world(server);
const root = '/v1/channel-connections';
const browser = { accept: 'text/html,application/xhtml+xml' };
const anybody = http(server, { secretKey: 'nobody' });
const pathOf = (url) => url.slice(server.url.length);
const integration = await make.integration({ credentials });
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });
const webhook = dataOf(await api.post('/v1/webhooks/endpoints', { url: `${receiver.url}/hook`, events: ['connection.*'] }), 201);

/** Consents on Slack's page, and comes back. */
const consent = async (link, options) => anybody.get(pathOf(slack.consent(link, options)), browser);

/** A person's connection by consent, with a channel. */
async function connected(expiresIn) {
  const [team, channelId, identifier] = [unique('T'), unique('C-'), unique('connection')];
  const subscriber = await make.subscriber();
  const body = { integrationIdentifier: integration.identifier, subscriberId: subscriber.subscriberId, connectionIdentifier: identifier };
  const { url } = dataOf(await api.post('/v1/integrations/channel-connections/oauth', body), 201);
  assertStatus(await consent(url, { team, expiresIn }), 200);
  const connection = { identifier };
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId } });
  return { team, channelId, identifier, subscriber };
}

const read = async ({ identifier }) => dataOf(await api.get(`${root}/${identifier}`));
const send = ({ subscriber }, text) => make.trigger(workflow, subscriber, { payload: { text } });

/** What the receiver was told of a connection, by a kind of event; its signature is verified. */
const told = ({ identifier }, type) =>
  eventually(() => {
    const events = receiver.requests('/hook').map(({ text, headers }) => new Webhook(webhook.secret).verify(text, headers));
    const found = events.find((event) => event.type === type && event.data.identifier === identifier);
    assert.ok(found, `${type} of ${identifier} was told`);
    return found.data;
  });

/** Slack tells that the app was removed, with its signature. */
async function slackTells({ team }) {
  const at = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({ type: 'event_callback', team_id: team, event_id: unique('Ev'), event_time: at, event: { type: 'app_uninstalled' } });
  const signature = createHmac('sha256', credentials.signingSecret).update(`v0:${at}:${body}`).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': `${at}`, 'x-slack-signature': `v0=${signature}` };
  assert.equal((await fetch(`${server.url}/v1/integrations/${integration._id}/hooks`, { method: 'POST', headers, body })).status, 200);
}

/** The link of the page is followed, and its only button pressed. */
async function reconnect({ team }, reconnectUrl) {
  const page = assertStatus(await anybody.get(pathOf(reconnectUrl), browser), 200);
  const [, action, form] = /action="([^"]*)"><input type="hidden" name="form" value="([^"]+)"/.exec(page.text);
  const headers = { ...browser, 'content-type': 'application/x-www-form-urlencoded' };
  const sent = assertStatus(await anybody.post(action, new URLSearchParams({ form }).toString(), headers), 303);
  const back = assertStatus(await consent(sent.headers.get('location'), { team }), 302);
  return anybody.get(pathOf(new URL(back.headers.get('location'), server.url).href), browser);
}

const ways = [
  { name: 'the app is removed, and the next send finds out', status: 'revoked', tell: async () => undefined },
  { name: 'the app is removed, and Slack tells', status: 'revoked', tell: slackTells },
  // Within five minutes of its end a token is renewed before it is used.
  { name: 'the refresh token is refused when the next send needs a new pair', status: 'needs_reauth', expiresIn: 120, tell: async () => undefined },
];

for (const { name, status, expiresIn, tell } of ways) {
  fact(`${name}: everybody hears of it, one link mends it, and what waited goes out`, async (context) => {
    const it = await connected(expiresIn);
    if (!expiresIn) {
      await finished(api, await send(it, 'before'));
      assert.deepEqual(slack.posted(it.channelId), ['before']);
    }
    slack.uninstall(it.team);
    const started = Date.now();
    const took = {};
    const noted = (sign) => (value) => {
      took[sign] = Date.now() - started;
      return value;
    };
    await tell(it);
    const event = await send(it, 'meanwhile');
    const [message, health, held] = await Promise.all([
      told(it, `connection.${status}`).then(noted('webhook')),
      eventually(async () => {
        const { health } = await read(it);
        assert.equal(health.status, status);
        return health;
      }).then(noted('API')),
      reaches(api, event, ['delayed']).then(noted('activity feed')),
    ]);
    context.diagnostic(Object.entries(took).map(([sign, ms]) => `${sign} after ${ms} ms`).join(', '));
    assert.match(held.details.join('\n'), /held until the channel connection is reconnected/);
    const listed = assertStatus(await api.get(`${root}?healthStatus=${status}`), 200).body.data;
    assert.ok(listed.some(({ identifier }) => identifier === it.identifier));
    assert.equal(message.reconnectUrl, health.reconnectUrl, 'the webhook carries the link of the API');
    assert.ok(!slack.posted(it.channelId).includes('meanwhile'));

    assert.match((await reconnect(it, health.reconnectUrl)).text, /is connected/);
    await told(it, 'connection.recovered');
    const [{ statuses }] = await finished(api, event);
    assert.deepEqual(statuses, ['completed']);
    assert.equal(slack.posted(it.channelId).filter((text) => text === 'meanwhile').length, 1);
    const { health: mended, auth } = await read(it);
    assert.deepEqual([mended.status, mended.reconnectUrl], ['active', undefined]);
    assert.ok(slack.accepts(auth.accessToken));
  });
}
