import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after } from 'node:test';
import { fact } from './harness/contract.mjs';
import { assertErrorShape } from './harness/http.mjs';
import { bodiesFor, bodyFor, inhabit, parametersFor } from './harness/inhabited.mjs';
import { fill, routesOf } from './harness/routes.mjs';
import { startServer } from './harness/server.mjs';

const server = await startServer();
after(() => server.stop());

const home = await inhabit(server);
const { api } = home;
const bodies = bodiesFor(home);
const routes = (await routesOf(server)).filter(({ path }) => /^\/v\d\//.test(path));
const withBody = routes.filter((route) => route.hasBody && bodyFor(route, bodies) !== undefined);
const at = (route) => fill(route.path, parametersFor(route, home));
const json = { 'content-type': 'application/json' };

const say = (route, what, response) => `${route.method} ${route.path}, ${what}: ${response.status} ${response.text.slice(0, 500)}`;

// What went wrong in the test that runs: one fault does not hide the next.
let complaints = [];

function note(check) {
  try {
    check();
  } catch (error) {
    complaints.push(error.message.slice(0, 400));
  }
}

/** The answer should be a refusal of the documented shape. */
function turnedAway(response, route, what) {
  note(() => {
    assert.ok(response.status >= 400 && response.status < 500, say(route, what, response));
    assertErrorShape(response);
  });
}

/** The answer should be a success or a refusal of the documented shape, and no fault of ours. */
function survived(response, route, what) {
  note(() => {
    assert.ok(response.status < 500, say(route, what, response));
    // Who fails too often is told so in a bare text.
    if (response.status >= 400 && response.status !== 429) assertErrorShape(response);
  });
}

/** Does something to many routes and fails with all that was wrong. */
async function everywhere(act) {
  complaints = [];
  await act();
  assert.deepEqual(complaints, []);
}

/** The same, and it must change nothing. */
const unchanged = async (act) => {
  const before = await home.snapshot();
  await everywhere(act);
  assert.deepEqual(await home.snapshot(), before);
};

fact('the document publishes routes, and for each with a body its limit', () => {
  assert.ok(withBody.length >= 15);
  assert.deepEqual(routes.filter(({ hasBody, bodyLimit }) => hasBody && !Number.isInteger(bodyLimit)).map(({ id }) => id), []);
});

const nested = (depth, open = '[', close = ']', core = '') => open.repeat(depth) + core + close.repeat(depth);

// Texts that are no valid body anywhere.
const noBodies = {
  'no JSON': 'name=value',
  'cut off': '{"name": "x"',
  'two documents': '{}{}',
  'a trailing comma': '{"name": "x",}',
  'a single quote': "{'name': 'x'}",
  'a string': '"text"',
  'a number': '5',
  'a boolean': 'true',
  'null': 'null',
  'a list': '[]',
  'a list of objects': '[{}]',
  'NaN': '{"name": NaN}',
  'lists in lists': nested(50_000),
  'objects in objects': nested(10_000, '{"a":', '}', '1'),
  'half a surrogate pair': '{"name": "\\ud800", "subscriberId": "\\ud800", "type": "\\ud800", "workflowId": "\\ud800", "providerId": "\\ud800", "firstName": "\\ud800", "endpoint": "\\ud800", "workspace": "\\ud800", "data": "\\ud800", "targetEnvironmentId": "\\ud800", "subscribers": "\\ud800"}',
};

fact('what is no JSON object is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    for (const [what, text] of Object.entries(noBodies)) {
      turnedAway(await api.send(route.method, at(route), text, json), route, what);
    }
  }
}));

fact('bytes that are no UTF-8 are turned away everywhere', () => unchanged(async () => {
  const broken = [[0xff, 0xfe], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]];
  for (const route of withBody) {
    for (const bytes of broken) {
      const body = Buffer.concat([Buffer.from('{"name": "'), Buffer.from(bytes), Buffer.from('"}')]);
      turnedAway(await api.send(route.method, at(route), body, json), route, `bytes ${bytes}`);
    }
  }
}));

fact('other content types are turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    const text = JSON.stringify(bodyFor(route, bodies));
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/octet-stream', 'nonsense']) {
      turnedAway(await api.send(route.method, at(route), text, { 'content-type': type }), route, type);
    }
  }
}));

fact('compressed or oddly encoded bodies are turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    for (const encoding of ['gzip', 'br', 'nonsense']) {
      const response = await api.send(route.method, at(route), Buffer.from([0x1f, 0x8b, 0, 1, 2, 3]), { ...json, 'content-encoding': encoding });
      turnedAway(response, route, encoding);
    }
  }
}));

fact('a body of the limit is read, and one byte more is a 413', () => unchanged(async () => {
  for (const route of withBody) {
    // An invalid body padded with blanks: read to its end, it is refused for what it says and not for its size.
    const padded = (size) => `[${' '.repeat(size - 2)}]`;
    const full = await api.send(route.method, at(route), padded(route.bodyLimit), json);
    turnedAway(full, route, 'a body of the limit');
    note(() => assert.notEqual(full.status, 413, say(route, 'a body of the limit', full)));
    const over = await api.send(route.method, at(route), padded(route.bodyLimit + 1), json);
    turnedAway(over, route, 'one byte more');
    note(() => {
      assert.equal(over.status, 413, say(route, 'one byte more', over));
      assert.equal(over.body.message, 'Payload Too Large');
    });
  }
}));

fact('a body without a length is held to the limit too', () => unchanged(async () => {
  const route = withBody.find(({ id }) => id === 'ContextsController_createContext');
  const { hostname, port } = new URL(server.url);
  const answer = await new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST ${at(route)} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ApiKey ${server.keys.development}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`);
      const chunk = ' '.repeat(1024);
      for (let sent = 0; sent <= route.bodyLimit; sent += chunk.length) socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      socket.write('0\r\n\r\n');
    });
    socket.on('data', (data) => (text += data));
    socket.on('end', () => resolve(text));
    socket.on('error', (error) => (text ? resolve(text) : reject(error)));
  });
  assert.match(answer, /^HTTP\/1\.1 413 /);
}));

// Values that fit no field of the given kind.
const misfits = {
  string: [5, true, {}, ['text'], [[]]],
  boolean: ['yes', 5, {}, []],
  number: ['text', true, {}, ['text']],
  object: ['text', 5, true, ['text']],
  array: ['text', 5, true, { a: 1 }],
};
// Fields that are of several kinds, or open by contract, and so have misfits of their own.
const open = {
  to: [5, true, [5], [{}], [[]], {}, { subscriberId: 5 }],
  payloadSchema: ['text', 5, true, ['text'], { type: 'nonsense' }],
  preferences: ['text', 5, true],
  endpoint: ['text', 5, true, ['text'], {}, { nothing: 'known' }],
  steps: ['text', 5, {}, [5], ['chat'], [{}], [{ type: 'chat' }], [{ type: 'pigeon', name: 'x' }], [{ type: 'chat', name: 'x', controlValues: 'text' }]],
  tags: ['text', 5, {}, [5], [{}], ['']],
  subscribers: ['text', 5, {}, [5], ['text'], [{}], [{ subscriberId: 5 }], []],
  conditions: ['text', 5, true],
  expiresAt: [5, true, {}, []],
};
const kindOf = (value) => (Array.isArray(value) ? 'array' : typeof value);

/** Each field of a body, nested ones of fixed shape included, as a path. */
function fieldsOf(body, prefix = []) {
  return Object.entries(body).flatMap(([name, value]) => {
    const path = [...prefix, name];
    const inner = ['workspace', 'auth'].includes(name) ? fieldsOf(value, path) : [];
    return [{ path, name, value }, ...inner];
  });
}

function withField(body, path, value) {
  const copy = structuredClone(body);
  const parent = path.slice(0, -1).reduce((object, name) => object[name], copy);
  parent[path.at(-1)] = value;
  return copy;
}

fact('a field of the wrong type is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const { path, name, value } of fieldsOf(body)) {
      for (const misfit of open[name] ?? misfits[kindOf(value)]) {
        const what = `${path.join('.')} = ${JSON.stringify(misfit)}`;
        turnedAway(await api.send(route.method, at(route), withField(body, path, misfit)), route, what);
      }
    }
  }
}));

const closed = ['connectionMode', 'type', 'channel', 'severity', 'providerId', 'locale', 'timezone', 'email'];

fact('an unknown word where a word of a list is wanted is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const { path, name } of fieldsOf(body)) {
      // A context's type is a free word, and so is the provider of an integration that is created.
      const free = (name === 'type' && route.id === 'ContextsController_createContext') || (name === 'providerId' && route.id === 'IntegrationsController_createIntegration');
      if (!closed.includes(name) || free) continue;
      turnedAway(await api.send(route.method, at(route), withField(body, path, 'No such Word!')), route, path.join('.'));
    }
  }
}));

const required = {
  EventsController_trigger: ['name', 'to'],
  EventsController_triggerBulk: ['events'],
  EventsController_broadcastEventToAll: ['name', 'payload'],
  TopicsController_upsertTopic: ['key'],
  TopicsController_updateTopic: ['name'],
  SubscribersController_createSubscriber: ['subscriberId'],
  SubscribersV1Controller_bulkCreateSubscribers: ['subscribers'],
  SubscribersV1Controller_updateSubscriberChannel: ['providerId', 'credentials'],
  SubscribersV1Controller_modifySubscriberChannel: ['providerId', 'credentials'],
  WorkflowController_create: ['name', 'workflowId', 'steps'],
  WorkflowController_update: ['name', 'steps', 'preferences'],
  WorkflowController_sync: ['targetEnvironmentId'],
  IntegrationsController_createIntegration: ['providerId', 'channel'],
  ChannelConnectionsController_createChannelConnection: ['integrationIdentifier', 'workspace', 'workspace.id', 'auth', 'auth.accessToken'],
  ChannelConnectionsController_updateChannelConnection: ['workspace', 'workspace.id', 'auth', 'auth.accessToken'],
  ChannelEndpointsController_createChannelEndpoint: ['integrationIdentifier', 'subscriberId', 'type', 'endpoint'],
  ChannelEndpointsController_updateChannelEndpoint: ['endpoint'],
  ContextsController_createContext: ['type', 'id'],
  ContextsController_updateContext: ['data'],
  WebhooksController_createEndpoint: ['url'],
  WebhooksController_redriveFailed: ['since'],
};

fact('a required field that is missing or null is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    for (const field of required[route.id] ?? []) {
      for (const value of [undefined, null]) {
        const body = withField(bodyFor(route, bodies), field.split('.'), value);
        turnedAway(await api.send(route.method, at(route), body), route, `${field} = ${value}`);
      }
    }
  }
}));

// Names of things, which must neither be empty nor longer than anyone needs.
const identities = ['name', 'subscriberId', 'identifier', 'integrationIdentifier', 'connectionIdentifier', 'workflowId', 'transactionId', 'targetEnvironmentId', 'id'];
const isIdentity = (route, { path }) => {
  if (path.length > 1) return false;
  if (path[0] !== 'name') return identities.includes(path[0]);
  return route.id.startsWith('Workflow') || route.id === 'EventsController_trigger';
};

fact('an over-long name of a thing is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const field of fieldsOf(body).filter((each) => isIdentity(route, each))) {
      for (const long of ['x'.repeat(60_000), 'é'.repeat(30_000)]) {
        turnedAway(await api.send(route.method, at(route), withField(body, field.path, long)), route, `${field.name} of ${long.length}`);
      }
    }
  }
}));

fact('an empty name of a thing is turned away everywhere', () => unchanged(async () => {
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const field of fieldsOf(body).filter(({ path }) => (required[route.id] ?? []).includes(path.join('.')) && path.length === 1)) {
      if (typeof field.value !== 'string' || field.name === 'to') continue;
      turnedAway(await api.send(route.method, at(route), withField(body, field.path, '')), route, `${field.name} empty`);
    }
  }
}));

fact('bad values in a query are turned away everywhere', () => unchanged(async () => {
  for (const route of routes.filter(({ method }) => method === 'GET')) {
    for (const { name, types, closed: hasWords } of route.query) {
      const bad = [
        ...(types.includes('integer') || types.includes('number') ? ['many', '1e400', '-1', '0x10'] : []),
        ...(hasWords ? ['No-such-Word'] : []),
      ];
      for (const value of bad) {
        turnedAway(await api.get(`${at(route)}?${name}=${value}`), route, `${name}=${value}`);
      }
    }
  }
}));

fact('a method that a path does not have is turned away everywhere', () => unchanged(async () => {
  const paths = new Set(routes.map(({ path }) => path));
  for (const path of paths) {
    const known = routes.filter((route) => route.path === path).map(({ method }) => method);
    const concrete = at({ path });
    // Another template may stand for the same concrete path.
    const alsoKnown = routes.filter((route) => matches(route.path, concrete)).map(({ method }) => method);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'].filter((each) => !known.includes(each) && !alsoKnown.includes(each))) {
      const response = await api.send(method, concrete, method === 'GET' ? undefined : {});
      turnedAway(response, { method, path }, 'unknown method');
      note(() => assert.ok([404, 405].includes(response.status), say({ method, path }, 'unknown method', response)));
    }
  }
}));

function matches(template, path) {
  const [ours, theirs] = [template.split('/'), path.split('/')];
  return ours.length === theirs.length && ours.every((part, index) => part.startsWith('{') || part === theirs[index]);
}

fact('odd path segments are turned away everywhere', () => unchanged(async () => {
  const odd = ['%00', '%ff%fe', '%', '%zz', 'a%2Fb', '%F0%9F%94%94', 'x'.repeat(4000), "'%20OR%201=1--", '%0a'];
  for (const route of routes.filter(({ path, method }) => path.includes('{') && method !== 'POST' && method !== 'PUT')) {
    for (const segment of odd) {
      const response = await api.send(route.method, route.path.replace(/\{[^}]+\}/g, segment), route.hasBody ? bodyFor(route, bodies) : undefined);
      turnedAway(response, route, `segment ${segment.slice(0, 20)}`);
    }
  }
}));

fact('without a key, and with a wrong one, every route turns away', () => unchanged(async () => {
  for (const route of routes.filter(({ isOpen }) => !isOpen)) {
    for (const authorization of ['', 'ApiKey ', 'ApiKey wrong', `ApiKey ${'x'.repeat(4000)}`, 'ApiKey \u00e9']) {
      const response = await api.send(route.method, at(route), bodyFor(route, bodies), { authorization });
      turnedAway(response, route, `authorization ${authorization.slice(0, 20)}`);
      note(() => assert.equal(response.status, 401, say(route, 'authorization', response)));
    }
  }
}));

// What follows may be accepted where the contract leaves a field open: then it is stored as it is, and nothing breaks.

fact('strange texts in any field break nothing', () => everywhere(async () => {
  const strange = ['', ' ', '\u0000', 'a\u0000b', '\u202e', '\uffff', '🔔'.repeat(100), "'; DROP TABLE subscribers; --", '{{payload.x', '../../etc/passwd', '<script>alert(1)</script>', 'x'.repeat(20_000)];
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const { path, value } of fieldsOf(body).filter((field) => typeof field.value === 'string')) {
      for (const text of strange) {
        survived(await api.send(route.method, at(route), withField(body, path, text)), route, `${path.join('.')} = ${JSON.stringify(text.slice(0, 30))}`);
      }
    }
  }
}));

fact('deep and wide values in open fields break nothing', () => everywhere(async () => {
  const deep = JSON.parse(nested(100, '{"a":', '}', '1'));
  const wide = Object.fromEntries(Array.from({ length: 2000 }, (_, at_) => [`key${at_}`, at_]));
  const keys = { ['__proto__x']: 1, constructor: { prototype: {} }, '': 1, 'a.b': 1, '$where': 1, 'a\u0000b': 1 };
  for (const route of withBody) {
    const body = bodyFor(route, bodies);
    for (const { path } of fieldsOf(body).filter(({ value }) => kindOf(value) === 'object')) {
      for (const [what, value] of Object.entries({ deep, wide, keys })) {
        survived(await api.send(route.method, at(route), withField(body, path, value)), route, `${path.join('.')} ${what}`);
      }
    }
  }
}));

fact('nesting far beyond use is turned away in open fields', () => everywhere(async () => {
  const core = nested(3_000, '{"a":', '}', '1');
  for (const [id, text] of Object.entries({
    SubscribersController_createSubscriber: `{"subscriberId": "deep", "data": ${core}}`,
    EventsController_trigger: `{"name": "${home.workflow.workflowId}", "to": "deep", "payload": ${core}}`,
    ContextsController_createContext: `{"type": "tenant", "id": "deep", "data": ${core}}`,
    WorkflowController_create: `{"name": "deep", "workflowId": "deep", "steps": [], "payloadSchema": ${core}}`,
  })) {
    const route = withBody.find((each) => each.id === id);
    turnedAway(await api.send(route.method, at(route), text, json), route, 'deep nesting');
  }
}));

fact('strange texts in a query break nothing', () => everywhere(async () => {
  const strange = ['', '%00', '%ff', '%', '%E2%80%AE', 'x'.repeat(4000), "'%20OR%201=1--", '-1', '999999999999999999999', 'true', '[]', '%7B%7D'];
  for (const route of routes.filter(({ method }) => method === 'GET')) {
    for (const { name } of route.query) {
      for (const value of strange) survived(await api.get(`${at(route)}?${name}=${value}`), route, `${name}=${value.slice(0, 20)}`);
    }
    for (const query of ['?', '?&&&', '?=', '?a[b][c]=1', '?limit=1&limit=2', '?limit[]=1', `?${'a=1&'.repeat(500)}`]) {
      survived(await api.get(at(route) + query), route, query.slice(0, 20));
    }
  }
}));
