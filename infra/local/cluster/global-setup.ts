/**
 * Servers for the cluster suite: those the environment names, else a set of its own, stopped and removed when the suite ends.
 * `CLUSTER_TEST_SERVERS` then says that nothing has to be tidied up in them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServers } from './servers.mjs'

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.HITLAKE_KAFKA_BROKERS !== undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-servers-'))
  const servers = await startServers({ folder })
  // Test files run in processes forked after this, which inherit the environment.
  Object.assign(process.env, servers.env, { CLUSTER_TEST_SERVERS: 'go with the suite' })
  return async () => {
    await servers.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
