// A Slack that rotates tokens as its documentation says (docs.slack.dev, "Using token rotation"): an access token for
// twelve hours, and a refresh token that works once. It can hold an exchange before or after it has acted.
import { createHash } from 'node:crypto';
import { startReceiver } from './fake-receiver.mjs';

export const credentials = { clientId: '4711.0815', secretKey: 'canary-client-secret', signingSecret: 'the secret that signs', applicationId: 'A1' };

const refuse = (error) => ({ body: { ok: false, error } });

/** Something to wait for, and to let go. */
function gate() {
  const made = {};
  made.reached = new Promise((resolve) => (made.arrive = resolve));
  made.opened = new Promise((resolve) => (made.open = resolve));
  return made;
}

export async function startRotatingSlack() {
  const receiver = await startReceiver();
  let issued = 0;
  /** Which workspace a refresh token, an access token or a code is of. */
  const refreshTokens = new Map();
  const accessTokens = new Map();
  const codes = new Map();
  const used = new Set();
  const inFlight = new Map();
  let held;
  let heldMessage;
  const fresh = () => ({ asked: 0, renewed: 0, replayed: 0, atOnce: 0 });
  let tally = fresh();

  function issue(team = 'T0001') {
    issued += 1;
    const [accessToken, refreshToken] = [`xoxe.xoxb-${team}-${issued}`, `xoxe-1-${team}-${issued}`];
    accessTokens.set(accessToken, team);
    refreshTokens.set(refreshToken, team);
    return { accessToken, refreshToken };
  }

  const granted = (team, expiresIn = 43_200) => {
    const { accessToken, refreshToken } = issue(team);
    return {
      body: {
        ok: true, access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn, token_type: 'bot',
        scope: 'chat:write,chat:write.public,channels:read,groups:read,users:read,users:read.email',
        bot_user_id: 'UBOT', app_id: credentials.applicationId, team: { id: team, name: `Workspace ${team}` },
        enterprise: null, is_enterprise_install: false, authed_user: { id: 'U1' },
      },
    };
  };

  /** The client's name and secret, which come with the form or as HTTP Basic. */
  function isOurs({ headers }, form) {
    const basic = Buffer.from(headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString().split(':').map(decodeURIComponent);
    const [id, secret] = headers.authorization ? basic : [form.get('client_id'), form.get('client_secret')];
    return id === credentials.clientId && secret === credentials.secretKey;
  }

  function exchangeCode(form) {
    const code = codes.get(form.get('code'));
    codes.delete(form.get('code'));
    if (!code) return refuse('invalid_code');
    if (code.redirect !== form.get('redirect_uri')) return refuse('bad_redirect_uri');
    const verifier = form.get('code_verifier') ?? '';
    if (code.challenge && createHash('sha256').update(verifier).digest('base64url') !== code.challenge) return refuse('invalid_code_verifier');
    return granted(code.team, code.expiresIn);
  }

  async function exchange(request, form) {
    const token = form.get('refresh_token');
    const others = inFlight.get(token) ?? 0;
    tally.asked += 1;
    tally.atOnce = Math.max(tally.atOnce, others + 1);
    inFlight.set(token, others + 1);
    request.over.then(() => inFlight.set(token, inFlight.get(token) - 1));
    const holding = held;
    held = undefined;
    if (holding?.when === 'before') {
      holding.arrive();
      await holding.opened;
    }
    const team = refreshTokens.get(token);
    if (!team) {
      if (used.has(token)) tally.replayed += 1;
      return refuse('invalid_refresh_token');
    }
    refreshTokens.delete(token);
    used.add(token);
    tally.renewed += 1;
    const answer = granted(team);
    if (holding?.when === 'after') {
      holding.arrive();
      await holding.opened;
    }
    return answer;
  }

  receiver.answers('/api/oauth.v2.access', (request) => {
    const form = new URLSearchParams(request.text);
    if (!isOurs(request, form)) return refuse('bad_client_secret');
    return form.get('grant_type') === 'refresh_token' ? exchange(request, form) : exchangeCode(form);
  });

  const teamOf = ({ headers }) => accessTokens.get(headers.authorization?.replace('Bearer ', ''));
  const messages = [];
  receiver.answers('/api/chat.postMessage', async (request) => {
    if (!teamOf(request)) return refuse('token_revoked');
    if (heldMessage) {
      heldMessage.arrive();
      await heldMessage.opened;
    }
    const { channel, text } = request.json;
    messages.push({ channel, text, at: Date.now() });
    return { body: { ok: true, channel, ts: `${messages.length}.1`, message: { text } } };
  });
  receiver.answers('/api/auth.test', (request) => {
    const team = teamOf(request);
    return team ? { body: { ok: true, team_id: team, user_id: 'UBOT' }, headers: { 'x-oauth-scopes': 'chat:write' } } : refuse('token_revoked');
  });
  let revocations = 0;
  receiver.answers('/api/auth.revoke', (request) => {
    if (!teamOf(request)) return refuse('invalid_auth');
    revocations += 1;
    accessTokens.delete(request.headers.authorization.replace('Bearer ', ''));
    return { body: { ok: true, revoked: true } };
  });

  return {
    ...receiver,
    /** A pair of tokens for a workspace. */
    issue,
    /** What the person does on the consent page: they agree. Gives where Slack sends the browser. */
    consent(link, { team = 'T0001', expiresIn } = {}) {
      const { searchParams } = new URL(link);
      const back = new URL(searchParams.get('redirect_uri'));
      const code = `code-${(issued += 1)}`;
      codes.set(code, { team, expiresIn, redirect: searchParams.get('redirect_uri'), challenge: searchParams.get('code_challenge') });
      back.searchParams.set('code', code);
      back.searchParams.set('state', searchParams.get('state'));
      return back.href;
    },
    /** The customer removes the app: none of its tokens works any more. */
    uninstall(team) {
      for (const tokens of [accessTokens, refreshTokens]) for (const [token, of] of tokens) if (of === team) tokens.delete(token);
    },
    /** Holds the next exchange, `before` or `after` the tokens are exchanged, until it is opened. */
    hold(when) {
      held = { ...gate(), when };
      return held;
    },
    /** Holds messages before they are posted, until it is opened. */
    holdMessages() {
      const holding = gate();
      heldMessage = holding;
      holding.opened.then(() => (heldMessage = undefined));
      return holding;
    },
    accepts: (accessToken) => accessTokens.has(accessToken),
    /** Texts that were posted to a channel. */
    posted: (channel) => messages.filter((message) => message.channel === channel).map(({ text }) => text),
    /** Exchanges that were asked for, that brought a pair, of a token that was used before, and the most at once of one token. */
    tally: () => ({ ...tally }),
    forget: () => (tally = fresh()),
    revocations: () => revocations,
  };
}
