import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

// How long a condition may take on a starved machine before the test gives up. No test asserts that something is fast.
const PATIENCE_MS = Number(process.env.TEST_PATIENCE_MS ?? 60_000);

/** Calls `condition` until it returns without throwing, and gives back what it returned. */
export async function eventually(condition) {
  const giveUp = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await condition();
    } catch (reason) {
      if (Date.now() > giveUp) throw reason;
    }
    await pause(20);
  }
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const temporary = new Set();

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'campanile-clients-'));
  temporary.add(folder);
  return folder;
}

const running = new Set();

function leaveNothing() {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
}

process.on('exit', leaveNothing);
// A test file that breaks while it prepares leaves the process without an exit event.
process.on('uncaughtExceptionMonitor', leaveNothing);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Starts a program whose environment is exactly `env`, and keeps what it prints. */
export function launch(command, args, { env, cwd }) {
  const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text) => (printed[stream] += text));
  }
  let hasEnded = false;
  const ended = new Promise((resolve) => {
    const end = (outcome) => {
      hasEnded = true;
      running.delete(child);
      resolve(outcome);
    };
    child.once('close', (code, signal) => end({ code, signal }));
    child.once('error', (error) => {
      printed.stderr += `${error.message}\n`;
      if (child.pid === undefined) end({ code: null, signal: null });
    });
  });

  return {
    pid: child.pid,
    ended,
    get hasEnded() {
      return hasEnded;
    },
    output: () => printed.stdout + printed.stderr,
    /** Ends it without a warning, as a power cut would. */
    kill() {
      if (!hasEnded) child.kill('SIGKILL');
      return ended;
    },
    /** Asks it to leave, and ends it when it never does. */
    async stop() {
      if (hasEnded) return ended;
      process.kill(child.pid, 'SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      return ended.finally(() => clearTimeout(force));
    },
  };
}
