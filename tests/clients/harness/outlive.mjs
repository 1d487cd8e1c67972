import { assertStatus, http } from './http.mjs';
import { onPostgres } from './server.mjs';

const SECONDS = 31;

/**
 * Lets so much time pass that what a dead process had is free: the intent of its exchange, its tasks and its duties.
 * On SQLite by dev mode's clock; PostgreSQL has no dev mode, so there what is written is moved back. Gives by how much
 * the server's clock is ahead of what it was, in milliseconds.
 */
export async function outlive(server) {
  if (!onPostgres) {
    assertStatus(await http(server).post('/dev/clock/advance', { seconds: SECONDS }), 200);
    return SECONDS * 1000;
  }
  const { execute } = server.database;
  await execute(`UPDATE grants SET intent_until = intent_until - ${SECONDS * 1000}`);
  await execute(`UPDATE tasks SET lease_until = lease_until - ${SECONDS * 1000} WHERE state = 2`);
  await execute("UPDATE leases SET until = 0 WHERE name LIKE 'duty:%'");
  return 0;
}
