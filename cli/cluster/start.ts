/**
 * A process of a cluster: the roles that its configuration names, behind one HTTP server. It answers as soon as its data
 * folder is open; what a role needs of servers that are away is waited for and named by `/readyz`.
 *
 * Stop: no new requests, then each role brings what it has to an end others can go on from, in the order of a hit's way.
 */
import { join } from 'node:path'
import { type ClusterConfig, type Role, roles } from '../../core/config/cluster.ts'
import { nodeKeptFile } from '../../gateway/adapters/node/kept-file.ts'
import { buildApp } from '../../gateway/app.ts'
import { trustedPeer } from '../../gateway/core/client-address.ts'
import { createDirectoryCache } from '../../gateway/core/directory-cache.ts'
import { createKeyDirectory } from '../../gateway/core/keys.ts'
import { clusterParts } from '../../gateway/core/readiness.ts'
import { ensureAdminKey, ensureFirstKeys } from '../first-start.ts'
import { listen } from '../listen.ts'
import { type ClusterProcess, openProcess } from './process.ts'
import type { RunningRole } from './role.ts'

export interface RunningCluster {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts the roles and prints where they answer. `fatal` is called when a part ended for good, after it was logged.
 * @throws StartError with one sentence that names the mend
 */
export async function startCluster(
  config: ClusterConfig,
  io: { readonly out: (line: string) => void; readonly fatal: () => void },
): Promise<RunningCluster> {
  const parts = roles.filter((role) => config.roles.includes(role)).flatMap((role) => clusterParts[role])
  const host = await openProcess(config, [...new Set(parts)])
  const started: RunningRole[] = []
  const onEnded = (error: unknown): void => {
    host.logger.fatal({ err: error }, 'a part of this process cannot go on; nothing accepted is lost')
    io.fatal()
  }
  try {
    const directory = createDirectoryCache({
      store: host.store,
      file: nodeKeptFile(join(host.dataDir, 'directory.json')),
      timers: host.timers,
      onError: (error) => host.logger.warn({ err: error }, 'kept answers of the control store could not be written'),
    })
    await directory.start()
    const keys = createKeyDirectory({ store: directory, clock: host.clock })
    // Code of other roles is not loaded: with all of it a collector's start takes a third more of the processor.
    const start: Readonly<Record<Role, () => Promise<RunningRole>>> = {
      collector: async () => (await import('./collector.ts')).startCollector(host, keys, directory),
      worker: async () => (await import('./worker.ts')).startWorker(host, onEnded),
      gateway: async () => (await import('./gateway.ts')).startGateway(host, keys),
      maintenance: async () => (await import('./maintenance.ts')).startMaintenance(host, onEnded),
    }
    for (const role of roles) if (config.roles.includes(role)) started.push(await start[role]())
    const app = await buildApp({
      limits: {
        connectionsPerAddress: config.connectionsPerAddress,
        exemptFromConnectionLimit: trustedPeer(config.trustedProxies),
      },
      timers: host.timers,
      logger: host.logger.child({}, { level: config.logLevel === 'info' ? 'warn' : config.logLevel }),
      readiness: host.readiness,
      metrics: host.metrics,
      plugins: started.flatMap(({ plugins }) => plugins),
    })
    host.metrics.read({ ready: () => host.readiness.ready() })
    host.storeOpened.then(
      () => onStoreOpened(host, io),
      (error: unknown) => onEnded(error),
    )
    const url = await listen(app, config)
    io.out(`Hitlake ${config.roles.join(', ')} answers at ${url}`)
    io.out(`  data   ${host.dataDir}`)
    io.out(`  state  ${url}/readyz  ${url}/metrics`)
    return {
      url,
      async stop() {
        await app.close()
        for (const role of started) await role.drain()
        for (const role of started.toReversed()) await role.close()
        await directory.stop()
        await host.close()
      },
    }
  } catch (error) {
    for (const role of started.toReversed()) await role.close().catch(() => undefined)
    await host.close().catch(() => undefined)
    throw error
  }
}

/** The first keys, by the process that answers the admin API. */
async function onStoreOpened(host: ClusterProcess, io: { readonly out: (line: string) => void }): Promise<void> {
  const { config, readiness, store, dataDir, logger } = host
  if (!config.roles.includes('gateway')) return
  readiness.set('store', true)
  try {
    if (config.adminKey === undefined) {
      const keys = await ensureFirstKeys({ store, random: host.random, dataDir })
      io.out(`  keys   ${keys.file}`)
    } else {
      await ensureAdminKey(store, config.adminKey)
    }
  } catch (error) {
    readiness.set('store', false, 'the admin key could not be written')
    logger.error({ err: error }, 'the admin key could not be written; start again')
  }
}
