// Microsoft as far as a Teams app meets it: sign-in, Graph and the Bot Connector. After learn.microsoft.com: "Admin consent
// on the Microsoft identity platform", "OAuth 2.0 authorization code flow", "OAuth 2.0 client credentials", "List teams",
// "List channels", "List users", "Install app for user", "Send proactive messages" and "Bot Connector API reference".
import { codes, decision, json, nothing, redirect, startVendor, uuid, withQuery, word, wrongLink } from './vendor.mjs';

const GRAPH = 'https://graph.microsoft.com/.default';
const BOT = 'https://api.botframework.com/.default';

/**
 * One app, registered in `home`, and tenants: `{ id, users: [{ id, name, mail }], teams: [{ id, name, hasBot, channels: [{ id, name }] }] }`.
 */
export async function startMicrosoft({ tenants, home }) {
  const app = { clientId: uuid(), secretKey: word('secret'), tenantId: home.id };
  const catalogId = uuid();
  const consented = new Set();
  const tokens = new Map();
  const signIns = codes();
  const installed = new Set();
  const conversations = new Map();
  const posts = [];
  const byId = (id) => tenants.find((tenant) => tenant.id === id);

  const loginError = (status, error, number, text) =>
    json(status, { error, error_description: `AADSTS${number}: ${text}`, error_codes: [number], trace_id: uuid(), correlation_id: uuid() });
  const graphError = (status, code, message) => json(status, { error: { code, message, innerError: { 'request-id': uuid() } } });
  const botError = (status, code, message) => json(status, { error: { code, message } });

  const issue = (what) => {
    const token = word('eyJ');
    tokens.set(token, what);
    return token;
  };

  function adminConsent({ query }) {
    const { client_id: client, redirect_uri: back, state, scope } = query;
    if (client !== app.clientId) return wrongLink('AADSTS700016: Application was not found in the directory.');
    if (!back || !scope) return wrongLink('AADSTS900144: The request body must contain the following parameter.');
    return decision('Permissions requested: review for your organization', [
      ...tenants.map(({ id, name }) => [`Accept for ${name}`, `/accept?${new URLSearchParams({ tenant: id, back, state, scope })}`]),
      ['Cancel', withQuery(back, { error: 'permission_denied', error_description: 'The admin canceled the request', state })],
    ]);
  }

  function accept({ query: { tenant, back, state, scope } }) {
    consented.add(tenant);
    return redirect(withQuery(back, { admin_consent: 'True', tenant, scope, state }));
  }

  function signIn({ query }, tenantId) {
    const { client_id: client, redirect_uri: back, state, response_type: kind, scope } = query;
    const tenant = byId(tenantId);
    if (!tenant) return wrongLink(`AADSTS90002: Tenant '${tenantId}' not found.`);
    if (client !== app.clientId || kind !== 'code' || !scope?.split(' ').includes('openid')) return wrongLink('AADSTS900144: The request is malformed.');
    const code = (user) => signIns.give({ redirectUri: back, tenant, user, scope });
    return decision('Pick an account', [
      ...tenant.users.map((user) => [user.name, withQuery(back, { code: code(user), state, session_state: uuid() })]),
      ['Cancel', withQuery(back, { error: 'access_denied', error_description: 'AADSTS65004: User declined to consent to access the app.', state })],
    ]);
  }

  function token({ form }, tenantId) {
    if (!byId(tenantId)) return loginError(400, 'invalid_request', 90002, `Tenant '${tenantId}' not found.`);
    if (form.client_id !== app.clientId) return loginError(400, 'unauthorized_client', 700016, 'Application was not found in the directory.');
    if (form.client_secret !== app.secretKey) return loginError(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
    if (form.grant_type === 'authorization_code') {
      const given = signIns.take(form.code, form);
      if (!given || given.tenant.id !== tenantId) return loginError(400, 'invalid_grant', 54005, 'OAuth2 Authorization code was already redeemed.');
      const claims = { aud: app.clientId, tid: tenantId, oid: given.user.id, name: given.user.name };
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return json(200, {
        token_type: 'Bearer', scope: form.scope, expires_in: 3599, access_token: issue({ tenantId, user: given.user }),
        id_token: `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${part('signature')}`,
      });
    }
    if (form.grant_type !== 'client_credentials' || ![GRAPH, BOT].includes(form.scope)) return loginError(400, 'invalid_scope', 70011, 'The provided value for scope is not valid.');
    if (tenantId !== home.id && !consented.has(tenantId)) return loginError(400, 'unauthorized_client', 700016, 'Application was not found in the directory.');
    return json(200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: issue({ tenantId, audience: form.scope }) });
  }

  /** The tenant that a token for Graph is of. */
  const graph = (handle) => (call, ...rest) => {
    const given = tokens.get(call.token);
    if (given?.audience !== GRAPH) return graphError(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.');
    if (!consented.has(given.tenantId)) return graphError(403, 'Forbidden', 'Missing role permissions on the request.');
    return handle(call, byId(given.tenantId), ...rest);
  };

  /** Half of a list, and a link to the other half: Graph pages as it likes. */
  const paged = ({ query, path }, items) => {
    const half = Math.ceil(items.length / 2);
    const rest = query.$skiptoken === 'rest';
    const value = items.length < 2 ? items : rest ? items.slice(half) : items.slice(0, half);
    const more = items.length > 1 && !rest;
    const next = withQuery(`https://graph.microsoft.com${path}`, { ...query, $skiptoken: 'rest' }).href;
    return json(200, { '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata', value, ...(more && { '@odata.nextLink': next }) });
  };

  const teams = graph((call, tenant) => paged(call, tenant.teams.map(({ id, name }) => ({ id, displayName: name, visibility: 'private' }))));
  const channels = graph((call, tenant, teamId) => {
    const team = tenant.teams.find(({ id }) => id === teamId);
    if (!team) return graphError(404, 'NotFound', `No team found with Group Id ${teamId}`);
    return paged(call, team.channels.map(({ id, name, isArchived = false }) => ({ id, displayName: name, membershipType: 'standard', isArchived })));
  });
  const users = graph((call, tenant) =>
    paged(call, tenant.users.map(({ id, name, mail }) => ({ id, displayName: name, mail, userPrincipalName: mail, accountEnabled: true }))));
  const catalog = graph(({ query }) => {
    const named = query.$filter === `externalId eq '${app.clientId}' and distributionMethod eq 'organization'`;
    return json(200, { value: named ? [{ id: catalogId, externalId: app.clientId, distributionMethod: 'organization' }] : [] });
  });
  const install = graph(({ json: body }, tenant, userId) => {
    const bound = `https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/${catalogId}`;
    if (body['teamsApp@odata.bind'] !== bound || !tenant.users.some(({ id }) => id === userId)) return graphError(404, 'NotFound', 'User or app not found.');
    if (installed.has(userId)) return graphError(409, 'Conflict', 'The specified app is already installed.');
    installed.add(userId);
    return nothing(201);
  });

  /** Only with a token of the bot, which its own tenant issues. */
  const bot = (handle) => (call, ...rest) => {
    const given = tokens.get(call.token);
    if (given?.audience !== BOT || given.tenantId !== home.id) return botError(401, 'Unauthorized', 'Authorization has been denied for this request.');
    return handle(call, ...rest);
  };

  const openConversation = bot(({ json: body }) => {
    const [{ id: userId }] = body.members;
    const tenant = byId(body.channelData?.tenant?.id);
    if (body.bot?.id !== app.clientId || !tenant?.users.some(({ id }) => id === userId)) return botError(400, 'BadArgument', 'Failed to decrypt conversation id');
    if (!installed.has(userId)) return botError(403, 'ForbiddenOperationException', 'The bot is not installed for this user.');
    const id = `a:${userId}`;
    conversations.set(id, userId);
    return json(201, { id });
  });
  const post = bot(({ json: body }, conversation) => {
    const team = tenants.flatMap((tenant) => tenant.teams).find(({ channels: of }) => of.some(({ id }) => id === conversation));
    if (!team && !conversations.has(conversation)) return botError(404, 'ConversationNotFound', 'Conversation not found.');
    if (team && !team.hasBot) return botError(403, 'BotNotInConversationRoster', 'The bot is not part of the conversation roster.');
    posts.push({ conversation, text: body.text, body });
    return json(201, { id: String(1_700_000_000_000 + posts.length) });
  });

  const vendor = await startVendor([
    ['GET', /^\/organizations\/v2\.0\/adminconsent$/, adminConsent],
    ['GET', /^\/accept$/, accept],
    ['GET', /^\/([^/]+)\/oauth2\/v2\.0\/authorize$/, signIn],
    ['POST', /^\/([^/]+)\/oauth2\/v2\.0\/token$/, token],
    ['GET', /^\/v1\.0\/teams$/, teams],
    ['GET', /^\/v1\.0\/teams\/([^/]+)\/channels$/, channels],
    ['GET', /^\/v1\.0\/users$/, users],
    ['GET', /^\/v1\.0\/appCatalogs\/teamsApps$/, catalog],
    ['POST', /^\/v1\.0\/users\/([^/]+)\/teamwork\/installedApps$/, install],
    ['POST', /^\/teams\/v3\/conversations$/, openConversation],
    ['POST', /^\/teams\/v3\/conversations\/([^/]+)\/activities$/, post],
  ]);
  return {
    ...vendor,
    credentials: app,
    /** What a server has to be told to talk to this Microsoft. */
    settings: {
      CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL: vendor.url,
      CAMPANILE_PROVIDERS__MSTEAMS__GRAPH_URL: vendor.url,
      CAMPANILE_PROVIDERS__MSTEAMS__BOT_URL: vendor.url,
    },
    /** What the bot has posted in a channel, or to a person by their object id. */
    posted: (to) => posts.filter(({ conversation }) => conversation === to || conversations.get(conversation) === to),
    /** The administrator takes the consent back, and with it the tokens that were issued. */
    withdraw(tenantId) {
      consented.delete(tenantId);
      for (const [held, given] of tokens) if (given.tenantId === tenantId && given.audience === GRAPH) tokens.delete(held);
    },
  };
}

/** A customer's organisation: two people, two teams, one without the bot. */
export function tenant(name) {
  const channel = (title) => ({ id: `19:${word('')}@thread.tacv2`, name: title });
  return {
    id: uuid(),
    name,
    users: [{ id: uuid(), name: 'Ann Abel', mail: 'ann@contoso.example' }, { id: uuid(), name: 'Ben Brand', mail: 'ben@contoso.example' }],
    teams: [
      { id: uuid(), name: 'Sales', hasBot: true, channels: [channel('General'), channel('Orders'), channel('Wins')] },
      { id: uuid(), name: 'Support', hasBot: false, channels: [channel('General')] },
    ],
  };
}
