/**
 * Where a command finds its server: the one at `HITLAKE_URL` or at the configured host and port; where none answers and
 * no address was given, the same app is started in this process, over the data folder, on a free port of loopback.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import type { SharedConfig } from '../../core/config/shared.ts'
import { CommandError } from '../../core/errors.ts'
import { keysFileName } from '../first-start.ts'
import { type Api, createApi } from './api.ts'

/** A server that is there answers `/livez` within this. */
export const findServerMs = 2_000

export interface Connection {
  readonly api: Api
  readonly url: string
  /** `own`: started by this command, and stopped by `close`. */
  readonly server: 'found' | 'own'
  /** Where the data lies, as far as this process knows. */
  readonly dataDir: string
  close(): Promise<void>
}

/**
 * @throws CommandError where there is no server at the address given, or no admin key
 * @throws ConfigError, StartError where an own one cannot start
 */
export async function connect(env: Readonly<Record<string, string | undefined>>): Promise<Connection> {
  const config = parseConfig(env)
  const { HITLAKE_URL: given } = env
  const url = urlOf(env, config)
  if (await findServer(url)) {
    const adminKey = adminKeyOf(config)
    if (adminKey === undefined) {
      throw new CommandError(
        `${url} needs an admin key: set HITLAKE_ADMIN_KEY, or HITLAKE_DATA_DIR to the folder that holds its ${keysFileName}`,
      )
    }
    return {
      api: createApi({ url, adminKey }),
      url,
      server: 'found',
      dataDir: config.dataDir,
      close: async () => undefined,
    }
  }
  if (given !== undefined) throw new CommandError(`nothing answers at HITLAKE_URL=${given}; is the server running?`)
  if (config.mode !== 'embedded') throw new CommandError(`no gateway answers at ${url}; set HITLAKE_URL`)
  return startOwn(config)
}

async function startOwn(config: EmbeddedConfig): Promise<Connection> {
  const { startEmbedded } = await import('../embedded/start.ts')
  const running = await startEmbedded({ ...config, host: '127.0.0.1', port: 0 }, { out: () => undefined })
  const adminKey = adminKeyOf(config)
  if (adminKey === undefined) {
    await running.stop()
    throw new CommandError(`${join(config.dataDir, keysFileName)} holds no admin key; set HITLAKE_ADMIN_KEY`)
  }
  return {
    api: createApi({ url: running.url, adminKey }),
    url: running.url,
    server: 'own',
    dataDir: config.dataDir,
    close: () => running.stop(),
  }
}

/** Where a server should be. */
export function urlOf(
  { HITLAKE_URL: given }: Readonly<Record<string, string | undefined>>,
  config: Pick<SharedConfig, 'host' | 'port'>,
): string {
  return (given || `http://${hostInUrl(config.host)}:${config.port}`).replace(/\/+$/, '')
}

/** Whether a server answers there. */
export async function findServer(url: string): Promise<boolean> {
  try {
    const reply = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(findServerMs) })
    return reply.ok
  } catch {
    return false
  }
}

/** The key that is configured, else the one of the data folder. */
export function adminKeyOf({ adminKey, dataDir }: Pick<SharedConfig, 'adminKey' | 'dataDir'>): string | undefined {
  if (adminKey !== undefined) return adminKey
  const file = resolve(dataDir, keysFileName)
  if (!existsSync(file)) return undefined
  const { adminKey: written } = JSON.parse(readFileSync(file, 'utf8')) as { readonly adminKey?: unknown }
  return typeof written === 'string' ? written : undefined
}

function hostInUrl(host: string): string {
  // Who listens everywhere is found on loopback.
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
