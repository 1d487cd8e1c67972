// The pages at the end of a consent, each as a person sees it: what happened, and what to do next.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { PHONE, looksRight, says, startBrowser, tabOrder } from './harness/browser.mjs';
import { fact } from './harness/contract.mjs';
import { startSlackEmulator } from './harness/emulator.mjs';
import { assertStatus, dataOf } from './harness/http.mjs';
import { startMicrosoft, tenant } from './harness/microsoft.mjs';
import { startServer } from './harness/server.mjs';
import { startWebex } from './harness/webex.mjs';
import { world } from './harness/world.mjs';

const slack = await startSlackEmulator();
after(() => slack.stop());
const home = { ...tenant('The vendor'), teams: [] };
const contoso = tenant('Contoso');
const microsoft = await startMicrosoft({ home, tenants: [home, contoso] });
after(() => microsoft.stop());
const webex = await startWebex();
after(() => webex.stop());
const settings = { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, ...microsoft.settings, ...webex.settings };
const server = await startServer({ settings });
after(() => server.stop());
const browser = await startBrowser();
after(() => browser.close());

const { api, ...make } = world(server);
const integrations = {
  slack: await make.integration({ credentials: { applicationId: 'A1', clientId: '1.2', secretKey: 'secret', signingSecret: 's' } }),
  teams: await make.integration({ providerId: 'msteams', credentials: microsoft.credentials }),
  webex: await make.integration({ providerId: 'webex-messaging', credentials: webex.credentials }),
};
const callback = `${server.url}/v1/integrations/chat/oauth/callback`;

const link = async (integration, change = {}, path = 'channel-connections') => {
  const { subscriberId } = change.subscriberId ? change : await make.subscriber();
  return dataOf(await api.post(`/v1/integrations/${path}/oauth`, { integrationIdentifier: integration.identifier, subscriberId, ...change }), 201).url;
};

const tab = () => browser.newPage({ viewport: PHONE });
const ACCEPT = { slack: (page) => page.getByRole('button').first(), teams: (page) => page.getByText('Accept for Contoso'), webex: (page) => page.getByText('Accept as Ann Abel') };

/** Opens the link and agrees. Gives the page, and the address that it was sent back to. */
async function agree(vendor, url) {
  const page = await tab();
  await page.goto(url);
  await ACCEPT[vendor](page).click();
  await page.waitForURL(`${callback}?**`);
  return page;
}

/** What every one of these pages has: one heading, nothing that could be pressed, and an end that says what to do. */
async function ends(page, { state, heading, text, name }) {
  await says(page, text);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), heading);
  assert.equal(await page.locator(`[data-state=${state}]`).count(), 1);
  await says(page, state === 'success' ? 'You can close this tab' : 'start again');
  await looksRight(page, `consent-${name}`);
  assert.deepEqual(await tabOrder(page), []);
  await page.close();
}

const failed = (name, heading, text) => ({ name, heading, text, state: 'error' });
const done = (name, text) => ({ name, text, heading: "You're all set", state: 'success' });

fact('it worked', async () => {
  await ends(await agree('slack', await link(integrations.slack)), done('slack', 'Your Slack workspace is connected'));
  await ends(await agree('slack', await link(integrations.slack, { autoLinkUser: true })), done('slack-linked', 'Direct messages'));
  await ends(await agree('teams', await link(integrations.teams)), done('teams', 'Your Microsoft Teams organisation is connected'));
  await ends(await agree('webex', await link(integrations.webex)), done('webex', 'Your Webex account is connected'));
});

fact('it was refused on the vendor’s page', async () => {
  for (const [vendor, refuse] of [['teams', 'Cancel'], ['webex', 'Decline']]) {
    const page = await tab();
    await page.goto(await link(integrations[vendor]));
    await page.getByText(refuse).click();
    await ends(page, failed(`refused-${vendor}`, 'Nothing was connected', 'The permission was not given, so nothing was changed.'));
  }
  const page = await tab();
  await page.goto(`${callback}?error=invalid_scope&state=x`);
  await ends(page, failed('not-possible', 'Nothing was connected', 'The permission could not be given'));
});

fact('the link was used, forged, cut off', async () => {
  const used = await agree('slack', await link(integrations.slack));
  await used.reload();
  await ends(used, failed('used', 'This link does not work', 'This link was used already. If you have just connected, everything is done'));
  for (const [name, query, text] of [['forged', 'code=x&state=x', 'It was not made by this server'], ['cut', 'code=x', 'A part of its address is missing.']]) {
    const page = await tab();
    await page.goto(`${callback}?${query}`);
    await ends(page, failed(name, 'This link does not work', text));
  }
});

fact('the link was opened too late', async () => {
  const dev = await startServer({ args: ['--dev'], settings });
  try {
    const { api: late, ...those } = world(dev);
    const integration = await those.integration({ credentials: webex.credentials, providerId: 'webex-messaging' });
    const { subscriberId } = await those.subscriber();
    const { url } = dataOf(await late.post('/v1/integrations/channel-connections/oauth', { integrationIdentifier: integration.identifier, subscriberId }), 201);
    assertStatus(await late.post('/dev/clock/advance', { seconds: 901 }), 200);
    const page = await tab();
    await page.goto(url);
    await ACCEPT.webex(page).click();
    await ends(page, failed('expired', 'This link does not work', 'The link is older than 15 minutes.'));
  } finally {
    await dev.stop();
  }
});

fact('what the link was for is gone, or belongs to somebody else', async () => {
  const integration = await make.integration({ credentials: webex.credentials, providerId: 'webex-messaging' });
  const url = await link(integration);
  assertStatus(await api.delete(`/v1/integrations/${integration._id}`), 200);
  await ends(await agree('webex', url), failed('gone', 'This did not work', 'Webex Messaging integration not found'));

  const { subscriberId } = await make.subscriber();
  const connectionIdentifier = `webex-${subscriberId}`;
  await (await agree('webex', await link(integrations.webex, { subscriberId, connectionIdentifier }))).close();
  const another = await make.subscriber();
  const person = () => link(integrations.slack, { subscriberId: another.subscriberId }, 'channel-endpoints');
  // Their user at Slack was linked to somebody above.
  await ends(await agree('slack', await person()), failed('taken', 'This did not work', 'linked to somebody else already'));
});

fact('the vendor does not answer as it should', async () => {
  const wrong = await make.integration({ providerId: 'webex-messaging', credentials: { ...webex.credentials, secretKey: 'wrong' } });
  await ends(await agree('webex', await link(wrong)), failed('wrong-secret', 'This did not work', 'Webex OAuth error'));
  const teams = await make.integration({ providerId: 'msteams', credentials: { ...microsoft.credentials, secretKey: 'wrong' } });
  const page = await tab();
  await page.goto(await link(teams, {}, 'channel-endpoints'));
  await page.getByText('Ann Abel').click();
  await ends(page, failed('not-installed', 'MS Teams Bot Installation Failed', 'MS Teams OAuth error'));
});
