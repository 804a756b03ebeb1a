/** The server that a run is against: a Hitlake of its own on a free port over a temporary folder, or one that runs. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { metricOf } from '../../bench/support/http-client.ts'
import { call, readKeys, start, temporaryFolder } from '../../cli/test/support/server.ts'
import { maxVirtualUsers } from '../lib/scale.ts'
import { batchJson } from '../lib/traffic.ts'
import type { Order } from './arguments.ts'

export interface Target {
  readonly url: string
  readonly askUrl: string
  readonly adminKey: string
  /** CPU time of the thread that takes hits and answers questions; undefined where the process is not ours. */
  httpThreadCpuSeconds(): number | undefined
  /** Ends what was started for this run, in order; bytes of the data folder left then, undefined where it is not ours. */
  close(): Promise<number | undefined>
}

/** How long a clean stop may take: it processes and publishes what was accepted. */
export const stopLimitMs = 120_000

/** Quotas and connections are limits for strangers; all clients here have one address, and few keys send all there is. */
const settings = {
  HITLAKE_KEY_QUOTA: '10000000',
  HITLAKE_CONNECTIONS_PER_ADDRESS: String(4 * maxVirtualUsers),
}

export async function openTarget(running: Order['running']): Promise<Target> {
  if (running !== undefined) return { ...running, httpThreadCpuSeconds: () => undefined, close: async () => undefined }
  const folder = temporaryFolder()
  const life = await start(folder.path, settings)
  // However this process ends, nothing of it stays behind.
  const abandon = () => {
    life.kill()
    folder.remove()
  }
  process.once('exit', abandon)
  const { adminKey } = readKeys(folder.path)
  return {
    url: life.url,
    askUrl: life.url,
    adminKey,
    httpThreadCpuSeconds: () => mainThreadCpuSeconds(life.pid),
    async close() {
      const late = setTimeout(() => life.kill(), stopLimitMs)
      const { code, stderr } = await life.end('SIGINT')
      clearTimeout(late)
      process.removeListener('exit', abandon)
      const bytes = weigh(folder.path)
      folder.remove()
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${stderr.slice(-2_000)}`)
      return bytes
    },
  }
}

/** On Linux a process's first thread has its id, and in Node it runs the event loop of the program. */
function mainThreadCpuSeconds(pid: number): number {
  // Fields are counted from behind the name, which may hold spaces.
  const fields = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function weigh(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    return sum + (entry.isDirectory() ? weigh(path) : statSync(path).size)
  }, 0)
}

/** Hits of one request that is weighed. */
const weighedHits = 1_000

/**
 * Bytes of the log for one hit of this traffic, by one request of a merchant of its own. Before the run: the log is trimmed
 * by whole segments, and as little as this never fills one.
 */
export async function bytesAHitInLog({ url, adminKey }: Pick<Target, 'url' | 'adminKey'>): Promise<number> {
  const merchant = { id: 'weighed', name: 'Weighed', timeZone: 'UTC', currency: 'EUR' }
  const made = await call<{ writeKey: string }>(`${url}/v1/admin/merchants`, { key: adminKey, body: merchant })
  const before = (await metricsOf(url))('log_bytes')
  const body = batchJson('weighed-1', 0, weighedHits, Date.now())
  const { status } = await call(`${url}/v1/hits`, { key: made.body.writeKey, body })
  if (status !== 202) throw new Error(`hits to weigh were answered ${status}`)
  return ((await metricsOf(url))('log_bytes') - before) / weighedHits
}

/** What the process uses, as it says itself. */
export interface Usage {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

export async function usageOf({ url }: Pick<Target, 'url'>): Promise<Usage> {
  const metric = await metricsOf(url)
  return { cpuSeconds: metric('process_cpu_seconds_total'), rssBytes: metric('process_resident_memory_bytes') }
}

async function metricsOf(url: string): Promise<(name: string) => number> {
  const { body } = await call<string>(`${url}/metrics`)
  return (name) => metricOf(body, name)
}
