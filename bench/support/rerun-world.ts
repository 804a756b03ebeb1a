/** Hits in a lake, for benchmarks of reruns: made-up rows of one day, and lakes that hold them day by day. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom } from '../../core/adapters/node/system.ts'
import { dayMs, type EventTime, eventTime, type ReceivedTime } from '../../core/event-time.ts'
import { firstGenerations } from '../../core/generations.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { LakeWriter } from '../../core/ports/lake.ts'
import type { RerunLake } from '../../core/ports/rerun-lake.ts'
import type { AcceptedRows, RerunSplit, SplitOutput, SplitWork } from '../../core/ports/rerun-work.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import type { LakeRow } from '../../core/tables.ts'
import { compareText } from '../../core/text-order.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { createLocalRerunLake } from '../../lakehouse/adapters/local/rerun-lake.ts'
import { plainRow } from '../../lakehouse/core/plain-row.ts'
import { enrich } from '../../pipelines/jobs/enrich.ts'
import { hits as hitsSink } from '../../pipelines/jobs/hit-sinks.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import { versionOf } from '../../pipelines/plan/draft.ts'
import { createSplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { benchMerchant } from './seeded-batches.ts'

export const firstDay = eventTime('2026-03-01T00:00:00Z')
const merchants = Array.from({ length: 20 }, (_, n) =>
  benchMerchant(`bench-${n}`, n % 10 === 0 ? 'Asia/Kolkata' : 'UTC'),
)
export const benchMerchants = merchants.map(({ id }) => id)
const agents = Array.from(
  { length: 50 },
  (_, n) => `Mozilla/5.0 (X11; Linux x86_64; rv:${n}.0) Gecko/20100101 Firefox/${n}.0`,
)
const { visitorHash } = await createHasher()

const job = createHitsJob({
  store: {
    merchantsById: async (ids) => merchants.filter(({ id }) => ids.includes(id)),
    erasedOf: async () => new Map(),
  },
  visitorHash,
  country: () => 'DE',
  userAgents: createUserAgentReader(),
  dataSets: { bench: '1' },
})

/** Loaded for all merchants: what steps of a loop by hand use. */
export async function loadedContext(): Promise<Readonly<Record<string, unknown>>> {
  job.inputs.beginEpoch()
  await job.inputs.prepare(merchants.map(({ id }) => id))
  return job.inputs.context
}

/** One day's rows of `hits` as they are read back, by merchant and time. */
export async function rowsOfDay(count: number): Promise<readonly LakeRow[]> {
  const random = seededRandom(1)
  const context = (await loadedContext()) as never
  const run = { plan: 'bench', dataSets: '{"bench":"1"}', source: 'log-1', partition: 0, generation: 1 }
  const rows: LakeRow[] = []
  for (let n = 0; n < count; n++) {
    const merchant = merchants[n % merchants.length] as (typeof merchants)[number]
    const isOrder = random.below(20) === 0
    const hit: FeedHit = {
      ...{ id: `hit-${n}`, name: isOrder ? 'purchase' : 'page_view', visitor: `visitor-${random.below(50_000)}` },
      time: (firstDay + random.below(dayMs)) as EventTime,
      ...{ session: null, user: null, url: `https://shop.example/products/${random.below(100)}?ref=mail` },
      ...{ referrer: 'https://www.search.example/results', title: 'A product' },
      revenue: isOrder
        ? { micros: BigInt(random.below(100_000)) * 10_000n, currency: random.below(10) === 0 ? 'CHF' : 'EUR' }
        : null,
      ...{ items: [], props: isOrder ? {} : { load_ms: 200 + random.below(2_000) } },
      context: {
        userAgent: agents[random.below(50)] ?? '',
        ...{ language: 'de', screen: null, timeZone: null, campaign: null },
      },
      ...{ merchant: merchant.id, zone: merchant.timeZone, currency: 'EUR' },
      ...{ received: (firstDay + dayMs) as ReceivedTime, addressPrefix: '203.0.113.0/24', requestUserAgent: null },
      ...{ requestLanguage: null, requestClientHints: null, keyKind: 'browser', source: 'log-1' },
      position: { partition: 0, offset: Math.floor(n / 25) as Offset, index: n % 25 },
    }
    const row = hitsSink.toRow(enrich(hit, context), run)
    rows.push(plainRow(hitsTable.columns, { ...row, _publish: 1, _row: n }))
  }
  return rows.sort((a, b) => compareText(String(a.merchant), String(b.merchant)) || Number(a.time) - Number(b.time))
}

export interface BenchLake {
  readonly folder: string
  readonly instance: DuckDBInstance
  readonly writer: Pick<LakeWriter, 'stage' | 'discard' | 'publish'>
  readonly rerun: RerunLake
  close(): Promise<void>
}

export async function openBenchLake(memoryLimit: string): Promise<BenchLake> {
  const folder = await mkdtemp(join(tmpdir(), 'hitlake-rerun-bench-'))
  const temp = join(folder, 'duckdb')
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: memoryLimit,
    temp_directory: temp,
  })
  const objects = await folderObjectStore(nodeDisk(folder), '')
  const common = {
    objects,
    instance,
    scratch: join(folder, 'scratch'),
    random: systemRandom,
    location: `file://${folder}/lake`,
  }
  return {
    ...{ folder, instance },
    writer: createLocalLake({ ...common, clock: systemClock }),
    rerun: createLocalRerunLake(common),
    async close() {
      instance.closeSync()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Rows into a publication, in files of an epoch's size. */
export async function publishRows(lake: BenchLake, rows: readonly LakeRow[], id: number): Promise<string> {
  const files = []
  for (let from = 0; from < rows.length; from += 50_000) {
    files.push(
      await lake.writer.stage('hits', `staged/hits/bench-${id}-${from}.parquet`, rows.slice(from, from + 50_000)),
    )
  }
  const { snapshot } = await lake.writer.publish('hits', id, files)
  for (const { name } of files) await lake.writer.discard(name)
  return snapshot
}

/** One split through the runner of this process. */
export async function runBenchSplit(
  lake: RerunLake,
  writer: Pick<LakeWriter, 'stage' | 'discard'>,
  {
    rows,
    split,
    method,
    attempt,
  }: {
    readonly rows: AcceptedRows
    readonly split: Pick<RerunSplit, 'day' | 'part' | 'parts'>
    readonly method: 'operators' | 'sql'
    readonly attempt: string
  },
): Promise<SplitOutput> {
  const plan = versionOf(hitsPipeline)
  const sinks = method === 'sql' ? (['hourly'] as const) : (['hits', 'hourly'] as const)
  const work: SplitWork = {
    ...{ rerun: 1, generation: 2, attempt, barriers: {}, methods: { hourly: method } },
    request: {
      ...{
        pipeline: 'hits',
        places: [{ merchant: null, from: null, to: null }],
        plan,
        snapshot: rows.snapshot ?? '',
        sinks,
      },
      ...{ via: null, dataSets: 'today', zones: 'recorded', recovers: null, promote: 'manual', by: 'bench' },
    },
    split: { name: attempt, phase: 'backfill', rows, estimatedRows: 0, estimatedBytes: 0, ...split },
  }
  const store = {
    merchantsById: async (ids: readonly MerchantId[]) => merchants.filter(({ id }) => ids.includes(id)),
    erasedOf: async () => new Map(),
  }
  const runner = createSplitRunner({
    versions: { load: async () => hitsPipeline },
    inputs: () => job.inputs,
    store,
    lake,
    writer,
  })
  return runner.run(work, firstGenerations, { signal: new AbortController().signal })
}
