import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, launch, temporaryFolder } from './process.mjs';

const preload = fileURLToPath(new URL('loopback.cjs', import.meta.url));
const entry = fileURLToPath(import.meta.resolve('emulate/cli'));

/** The Slack of the `emulate` package, on loopback, with one user besides its administrator. */
export async function startSlackEmulator() {
  const folder = temporaryFolder();
  const seed = join(folder, 'seed.json');
  writeFileSync(seed, JSON.stringify({ slack: { users: [{ name: 'dana', email: 'dana@example.com' }] } }));
  const port = await freePort();
  const program = launch(
    process.execPath,
    ['--require', preload, entry, 'start', '--service', 'slack', '--port', String(port), '--seed', seed],
    { env: { PATH: process.env.PATH, HOME: folder }, cwd: folder },
  );
  const url = `http://127.0.0.1:${port}`;

  const call = async (method, fields = {}) => {
    const response = await fetch(`${url}/api/${method}`, {
      method: 'POST',
      headers: { authorization: 'Bearer xoxb-observer' },
      body: new URLSearchParams(fields),
    });
    const answer = await response.json();
    if (!answer.ok) throw new Error(`${method}: ${answer.error}`);
    return answer;
  };

  await eventually(() => {
    if (program.hasEnded) throw new Error(`the emulator left at its start:\n${program.output()}`);
    return call('auth.test');
  });
  const dana = (await call('users.lookupByEmail', { email: 'dana@example.com' })).user.id;

  return {
    url,
    channels: { general: 'C000000001', random: 'C000000002' },
    users: { dana },
    call,
    /** What stands in a channel, newest first. */
    messages: async (channel) => (await call('conversations.history', { channel, limit: '200' })).messages,
    /** What one user was told in direct messages, newest first. */
    directMessages: async (user) => {
      const { channel } = await call('conversations.open', { users: user });
      return (await call('conversations.history', { channel: channel.id, limit: '200' })).messages;
    },
    stop: () => program.stop(),
  };
}
