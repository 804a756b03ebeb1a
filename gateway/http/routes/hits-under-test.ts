/** The collecting routes over a log in memory, with keys of all kinds: what tests of the doors ask. */
import type { FastifyInstance } from 'fastify'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import type { HitBatch } from '../../../core/hit.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { openLogReader } from '../../../core/log/log-reader.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import type { StoredKey } from '../../../core/ports/control-store.ts'
import type { HitLog } from '../../../core/ports/hit-log.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { decodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import { buildApp } from '../../app.ts'
import { type CollectorOptions, createCollector } from '../../core/accept-hits.ts'
import { createClientAddress } from '../../core/client-address.ts'
import { createKeyDirectory, hashKey, type KeyDirectory } from '../../core/keys.ts'
import { createKeyQuotas } from '../../core/quota.ts'
import { createReadiness, embeddedParts } from '../../core/readiness.ts'
import { createVisitorSalts } from '../../core/visitor-salt.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { type HitsRoutesOptions, hitsRoutes } from './hits.ts'

/** By the text of the key. `writer` and `server` are free, `slow` may send 5 hits a second. */
const keys: Readonly<Record<string, Partial<StoredKey>>> = {
  writer: {},
  server: { kind: 'server' },
  reader: { rights: ['read'] },
  importer: { kind: 'server', rights: ['write', 'historical'] },
  poor: { rights: ['write', 'no_revenue'] },
  slow: { quota: 5 },
  bound: { origins: ['https://shop.example', 'https://*.shop.example'] },
}

export interface HitsWorld {
  readonly clock: ManualClock
  readonly log: HitLog
  readonly keys: KeyDirectory
  readonly app: FastifyInstance
  /** What is durable in the log. */
  stored(): Promise<HitBatch[]>
}

export async function hitsWorld(
  changed: Partial<CollectorOptions> &
    Pick<HitsRoutesOptions, 'onSocketProblem'> & { readonly connectionsPerAddress?: number } = {},
): Promise<HitsWorld> {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  const log = await openSegmentLog({ disk, folder: 'log', timers: clock, random: seededRandom(1) })
  const store = createMemoryControlStore()
  const merchant = 'demo' as MerchantId
  const terms = { kind: 'browser', rights: ['write'], origins: [], quota: null, tool: null } as const
  await store.createMerchant(
    {
      id: merchant,
      name: 'Demo',
      timeZone: 'UTC',
      currency: 'EUR',
      blockedNames: [],
      visitorSeed: '00',
      retentionDays: null,
    },
    Object.entries(keys).map(([text, own]) => ({ ...terms, ...own, hash: hashKey(text), merchant })),
  )
  const salts = createVisitorSalts({ store, clock, timers: clock, random: seededRandom(2) })
  const directory = createKeyDirectory({ store, clock })
  const quotas = createKeyQuotas({ clock })
  const hits = hitsRoutes({
    collector: createCollector({ clock, random: seededRandom(3), log, salts, quotas, ...changed }),
    keys: directory,
    timers: clock,
    clientAddress: createClientAddress([]),
    ...(changed.onSocketProblem && { onSocketProblem: changed.onSocketProblem }),
  })
  const app = await buildApp({
    limits: { ...(changed.connectionsPerAddress && { connectionsPerAddress: changed.connectionsPerAddress }) },
    timers: clock,
    readiness: createReadiness(embeddedParts),
    metrics: createMetrics(),
    plugins: [hits],
  })
  return {
    clock,
    log,
    keys: directory,
    app,
    async stored() {
      const durable = () => log.durable
      const reader = await openLogReader({ disk, folder: 'log', id: log.id, from: 0 as Offset, durable })
      const records = await reader.read(64 * 1024 * 1024)
      await reader.close()
      return records.map(({ payload }) => decodeHitBatch(payload))
    },
  }
}
