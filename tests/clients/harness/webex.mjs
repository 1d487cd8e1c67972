// Webex as far as an integration meets it. After developer.webex.com: "Integrations & Authorization" (code flow with PKCE),
// "Get My Own Details", "List Rooms", "List People", "Create a Message" and "REST API Basics" (paging, errors).
import { codes, decision, json, startVendor, uuid, withQuery, word, wrongLink } from './vendor.mjs';

const id = (kind) => Buffer.from(`ciscospark://us/${kind}/${uuid()}`).toString('base64url');

/** One organisation with two people and three rooms, and one integration registered at Webex. */
export async function startWebex() {
  const app = { clientId: word('C'), secretKey: word('secret') };
  const orgId = id('ORGANIZATION');
  const people = [['Ann Abel', 'ann@contoso.example'], ['Ben Brand', 'ben@contoso.example']].map(([displayName, email]) => ({
    id: id('PEOPLE'), displayName, emails: [email], orgId, type: 'person', loginEnabled: true,
  }));
  const room = (title, rest = {}) => ({ id: id('ROOM'), title, type: 'group', isLocked: false, isReadOnly: false, ...rest });
  const rooms = [room('Announcements', { isReadOnly: true }), room('Orders'), room('Release train')];
  const given = codes();
  const access = new Map();
  const refresh = new Map();
  const posts = [];

  const refusal = (status, message) => json(status, { message, errors: [{ description: message }], trackingId: word('ROUTER_') });

  function authorize({ query }) {
    const { client_id: client, redirect_uri: back, state, scope, response_type: kind, code_challenge: challenge, code_challenge_method: method } = query;
    if (client !== app.clientId || kind !== 'code' || !back || !scope) return wrongLink('The integration that brought you here is not set up right.');
    if (challenge && method !== 'S256') return wrongLink('The method of the challenge is not known.');
    const code = (person) => given.give({ redirectUri: back, person, scope, challenge });
    return decision('An integration requests permission', [
      ...people.map((person) => [`Accept as ${person.displayName}`, withQuery(back, { code: code(person), state })]),
      ['Decline', withQuery(back, { error: 'access_denied', error_description: 'The resource owner or authorization server denied the request.', state })],
    ]);
  }

  function token({ form }) {
    if (form.client_id !== app.clientId || form.client_secret !== app.secretKey) return refusal(401, 'The client credentials are not valid.');
    const what = form.grant_type === 'refresh_token' ? refresh.get(form.refresh_token) : given.take(form.code, form);
    if (!what) return refusal(400, 'POST unable to verify the code or the refresh token');
    const tokens = { access_token: word('A'), refresh_token: form.refresh_token ?? word('R') };
    access.set(tokens.access_token, what);
    refresh.set(tokens.refresh_token, what);
    return json(200, { ...tokens, expires_in: 1_209_599, refresh_token_expires_in: 7_775_999, token_type: 'Bearer', scope: what.scope });
  }

  const authorized = (scope, handle) => (call, ...rest) => {
    const who = access.get(call.token);
    if (!who) return refusal(401, 'The request requires a valid access token set in the Authorization request header.');
    if (!who.scope.split(' ').includes(scope)) return refusal(403, 'Missing required scopes.');
    return handle(call, who.person, ...rest);
  };

  const me = authorized('spark:people_read', (_, person) => json(200, person));
  // One room a page, whatever was asked for: callers follow the link.
  const listRooms = authorized('spark:rooms_read', ({ query }) => {
    const at = Number(query.cursor ?? 0);
    const next = withQuery('https://webexapis.com/v1/rooms', { ...query, cursor: at + 1 });
    return json(200, { items: rooms.slice(at, at + 1) }, at + 1 < rooms.length ? { link: `<${next}>; rel="next"` } : {});
  });
  const listPeople = authorized('spark:people_read', ({ query }) => {
    const { email, displayName } = query;
    if (!email && (displayName ?? '').length < 3) return refusal(400, 'displayName should be at least three characters.');
    const items = people.filter((person) => (email ? person.emails.includes(email) : person.displayName.toLowerCase().includes(displayName.toLowerCase())));
    return json(200, { items });
  });
  const create = authorized('spark:messages_write', ({ json: body }, person) => {
    const to = body.roomId ?? body.toPersonId;
    const found = rooms.find((one) => one.id === to) ?? people.find((one) => one.id === to);
    if (!found) return refusal(404, 'Could not find a room with provided ID.');
    if (found.isReadOnly) return refusal(403, 'Only moderators may post in this room.');
    const message = { id: id('MESSAGE'), roomId: body.roomId ?? id('ROOM'), personId: person.id, markdown: body.markdown, created: new Date().toISOString() };
    posts.push({ to, text: body.markdown });
    return json(200, message);
  });

  const vendor = await startVendor([
    ['GET', /^\/v1\/authorize$/, authorize],
    ['POST', /^\/v1\/access_token$/, token],
    ['GET', /^\/v1\/people\/me$/, me],
    ['GET', /^\/v1\/people$/, listPeople],
    ['GET', /^\/v1\/rooms$/, listRooms],
    ['POST', /^\/v1\/messages$/, create],
  ]);
  const named = (list, key) => Object.fromEntries(list.map((one) => [one[key], one.id]));
  return {
    ...vendor,
    credentials: app,
    /** What a server has to be told to talk to this Webex. */
    settings: { CAMPANILE_PROVIDERS__WEBEX_MESSAGING__BASE_URL: vendor.url },
    rooms: named(rooms, 'title'),
    people: named(people, 'displayName'),
    posted: (to) => posts.filter((post) => post.to === to),
    /** An administrator withdraws the integration: no token of it works any more. */
    withdraw() {
      access.clear();
      refresh.clear();
    },
  };
}
