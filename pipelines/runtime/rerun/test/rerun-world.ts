/** Live traffic of every kind over a lake, then reruns of it by the executor: for tests that hold the one against the other. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { folderObjectStore } from '../../../../core/adapters/folder-object-store.ts'
import { seededRandom } from '../../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../../core/adapters/node/node-disk.ts'
import { dayMs, type EventTime, eventTime, type ReceivedTime } from '../../../../core/event-time.ts'
import { type GenerationPlace, generationTime } from '../../../../core/generations.ts'
import type { ClientHints, Hit } from '../../../../core/hit.ts'
import type { MerchantId } from '../../../../core/ids.ts'
import type { ControlStore } from '../../../../core/ports/control-store.ts'
import type { LakeReader, LakeWriter, StagedFile } from '../../../../core/ports/lake.ts'
import type { RerunLake } from '../../../../core/ports/rerun-lake.ts'
import type { RerunRequest } from '../../../../core/ports/rerun-store.ts'
import {
  type AcceptedRows,
  acceptedTables,
  type RerunExecutor,
  type SplitOutput,
  type SplitWork,
} from '../../../../core/ports/rerun-work.ts'
import { createHasher } from '../../../../core/sketch/hasher.ts'
import { type LakeRow, publicationColumns, type TableName } from '../../../../core/tables.ts'
import { createLocalLake } from '../../../../lakehouse/adapters/local/local-lake.ts'
import { createLocalRerunLake } from '../../../../lakehouse/adapters/local/rerun-lake.ts'
import { createMemoryLake, MemoryLakeState } from '../../../../lakehouse/adapters/memory/memory-lake.ts'
import { createMemoryRerunLake } from '../../../../lakehouse/adapters/memory/memory-rerun-lake.ts'
import { foldRows } from '../../../../lakehouse/core/fold.ts'
import { plainRow } from '../../../../lakehouse/core/plain-row.ts'
import { rowOrder } from '../../../../lakehouse/core/row-order.ts'
import { tables } from '../../../../schemas/tables.ts'
import { createHitsJob } from '../../../jobs/hits.ts'
import type { UserAgentFacts } from '../../../jobs/user-agent.ts'
import { type Pipeline, versionOf } from '../../../plan/draft.ts'
import { batch, createWorld, drain, hit, push, pushBytes, type World } from '../../../test/support/world.ts'
import type { StreamRunnerOptions } from '../../runner-options.ts'
import { createRerunExecutor } from '../executor.ts'
import { createSplitRunner, type SplitRunnerOptions } from '../split-runner.ts'

export const merchants = ['shop', 'tea', 'books'] as MerchantId[]
export const firstDay = eventTime('2026-03-01T00:00:00Z')
/** Hits lie on these days. */
export const daysOfTraffic = 4
const received = firstDay + (daysOfTraffic + 1) * dayMs

/** A request of hits, or what nobody can read. */
export type Sent =
  | {
      readonly kind: 'hits'
      readonly merchant: MerchantId
      readonly zone: string
      readonly hits: readonly Omit<Hit, 'id'>[]
      readonly hints: ClientHints | null
      readonly again: boolean
    }
  | { readonly kind: 'poison' }

const someHit = fc
  .record({
    ms: fc.integer({ min: 0, max: daysOfTraffic * dayMs - 1 }),
    nearMidnight: fc.boolean(),
    name: fc.constantFrom('page_view', 'page_view', 'purchase', 'secret', 'search'),
    visitor: fc.constantFrom('v1', 'v2', 'v3', "o'v"),
    url: fc.constantFrom(null, 'https://shop.example/a', 'https://shop.example/ä?utm_source=x', '/b'),
    referrer: fc.constantFrom(null, 'https://www.google.com/search?q=a'),
    revenue: fc.option(
      fc.record({ micros: fc.bigInt(-(10n ** 17n), 10n ** 17n), currency: fc.constantFrom('EUR', 'USD', 'JPY') }),
    ),
    items: fc.array(fc.constantFrom({ id: 'i1', name: null, quantity: 1.5, priceMicros: 10n ** 17n }), {
      maxLength: 2,
    }),
    load: fc.constantFrom(null, 0, 12, 12.5, 70_000, 'slow'),
    agent: fc.constantFrom('a bot', 'UA', 'UA', null),
  })
  .map(({ ms, nearMidnight, agent, load, ...rest }) => {
    // Half of them within an hour of midnight, where hours and days part.
    const at = nearMidnight ? Math.floor(ms / dayMs) * dayMs + (ms % 7_200_000) - 3_600_000 : ms
    const { id: _id, ...plain } = hit({
      ...rest,
      time: (firstDay + Math.max(0, at)) as EventTime,
      props: load === null ? {} : { load_ms: load },
      context: { userAgent: agent, language: 'de', screen: null, timeZone: null, campaign: null },
    })
    return plain
  })

const hints: ClientHints = {
  brands: '"Chromium";v="1"',
  mobile: '?0',
  platform: null,
  platformVersion: null,
  model: null,
}

export const traffic: fc.Arbitrary<readonly Sent[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record<Extract<Sent, { kind: 'hits' }>>({
        kind: fc.constant('hits'),
        merchant: fc.constantFrom(...merchants),
        // The last is none: hits of people are then refused by the last step, those of bots are stored.
        zone: fc.constantFrom('UTC', 'Asia/Kolkata', 'America/St_Johns', 'Asia/Kathmandu', 'Not/AZone'),
        hits: fc.array(someHit, { minLength: 1, maxLength: 4 }),
        hints: fc.constantFrom(null, hints),
        again: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Sent>({ kind: 'poison' }) },
  ),
  { minLength: 1, maxLength: 25 },
)

type Lake = Pick<LakeWriter, 'stage' | 'discard' | 'stagedNames' | 'publish'> & LakeReader
export interface LakeUnderTest {
  readonly lake: Lake
  readonly rerun: RerunLake
}

export function memoryLakes(): { open(): Promise<LakeUnderTest>; close(): Promise<void> } {
  return {
    async open() {
      const { random, clock } = await createWorld()
      const state = new MemoryLakeState()
      return { lake: createMemoryLake({ random, clock, state }), rerun: createMemoryRerunLake(state) }
    },
    async close() {},
  }
}

export function localLakes(change: { readonly hoursMaxHits?: number } = {}): {
  open(): Promise<LakeUnderTest>
  close(): Promise<void>
} {
  let root: Promise<string> | undefined
  let instance: Promise<DuckDBInstance> | undefined
  let count = 0
  return {
    async open() {
      root ??= mkdtemp(join(tmpdir(), 'hitlake-rerun-'))
      instance ??= DuckDBInstance.create(':memory:', { threads: '1' })
      const folder = `lake-${count++}`
      const objects = await folderObjectStore(nodeDisk(await root), folder, { leftovers: 'keep' })
      const { clock } = await createWorld()
      const location = `file://${await root}/${folder}/lake`
      const scratch = join(await root, folder, 'scratch')
      const common = { objects, instance: await instance, scratch, location }
      return {
        lake: createLocalLake({ ...common, random: seededRandom(count), clock }),
        rerun: createLocalRerunLake({ ...common, ...change, random: seededRandom(1_000 + count) }),
      }
    },
    async close() {
      ;(await instance)?.closeSync()
      if (root !== undefined) await rm(await root, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

export interface RerunWorld extends LakeUnderTest {
  readonly store: World['store']
  /** After the last publication. */
  readonly rows: readonly AcceptedRows[]
  /** Rows of the table as live jobs made them, with those of publications. */
  readonly live: (table: TableName) => Promise<readonly LakeRow[]>
}

/** All of it through the stream runner, published in as many publications as there are lots. */
export async function liveWorld(
  under: LakeUnderTest,
  lots: readonly (readonly Sent[])[],
  changes: Partial<StreamRunnerOptions> = {},
): Promise<RerunWorld> {
  const plain = await createWorld({ merchants: merchants.slice(1), partitions: [0, 1] })
  const world = { ...plain, lake: under.lake as World['lake'] }
  const snapshots = new Map<TableName, string>()
  const published = new Set<string>()
  let n = 0
  for (const [lot, all] of lots.entries()) {
    for (const sent of all) n = send(world, sent, n)
    await drain(world, { epochMaxHits: 7, ...changes })
    for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
      const { pending } = await world.store.tableView(table)
      const files = pending.filter(({ name }) => !published.has(name))
      if (files.length === 0) continue
      snapshots.set(table, (await under.lake.publish(table, lot + 1, files)).snapshot)
      for (const { name } of files) published.add(name)
    }
  }
  const rows = acceptedTables.map((table) => ({
    ...{ table, snapshot: snapshots.get(table) ?? null },
    ...{ after: 0, through: null },
  }))
  const live = (table: TableName) => scan(under.lake, table, snapshots.get(table) ?? null, [])
  return { ...under, store: world.store, rows, live }
}

function send(world: World, sent: Sent, n: number): number {
  if (sent.kind === 'poison') {
    pushBytes(world, Buffer.from('nobody can read this'), n % 2)
    return n + 1
  }
  const { merchant, zone, hits, hints: requestClientHints, again } = sent
  const own = hits.map((each, i) => ({ ...each, id: `h${n + i}` }))
  const facts = { merchant, zone, requestClientHints, received: (received + n) as ReceivedTime, requestLanguage: 'en' }
  const one = batch(own, { ...facts, addressPrefix: '203.0.113.0/24', requestUserAgent: 'UA' })
  const partition = merchants.indexOf(merchant) % 2
  push(world, again ? [one, one] : [one], partition)
  return n + hits.length
}

const hasher = await createHasher()

export interface RerunTools extends Pick<RerunWorld, 'lake' | 'rerun'> {
  readonly store: Pick<
    ControlStore,
    'versionsSince' | 'writing' | 'reruns' | 'tableView' | 'merchantsById' | 'erasedOf'
  >
  /** By version; the release's beside them. */
  readonly plans?: readonly Pipeline[]
  readonly country?: string
  readonly agent?: UserAgentFacts
  readonly dataSets?: Readonly<Record<string, string>>
  readonly pace?: SplitRunnerOptions['pace']
  readonly limits?: SplitRunnerOptions['limits']
}

export const release = jobOf({}).plan
export const releaseVersion = versionOf(release)

function jobOf({ store, country = 'DE', agent, dataSets = { country: '1' } }: Partial<RerunTools>) {
  return createHitsJob({
    store: store as ControlStore,
    visitorHash: hasher.visitorHash,
    country: () => country,
    userAgents: {
      read: (text) => agent ?? { bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null },
    },
    dataSets,
  })
}

export function executorOf(tools: RerunTools): RerunExecutor {
  const { store, lake, rerun, plans = [], pace, limits } = tools
  const known = new Map([release, ...plans].map((plan) => [versionOf(plan), plan]))
  const versions = {
    async load(version: string) {
      const found = known.get(version)
      if (found === undefined) throw new RangeError(`no plan ${version}`)
      return found
    },
  }
  const inputs = () => jobOf(tools).inputs
  const runner = createSplitRunner({
    versions,
    inputs,
    store,
    lake: rerun,
    writer: lake,
    ...(pace && { pace }),
    ...(limits && { limits }),
  })
  return createRerunExecutor({ release, versions, store, lake: rerun, inputs: inputs(), runner })
}

export const everywhere: readonly GenerationPlace[] = [{ merchant: null, from: null, to: null }]

export function requestOf(change: Partial<RerunRequest> = {}): RerunRequest {
  return {
    ...{ pipeline: 'hits', places: everywhere, plan: releaseVersion, snapshot: '1', sinks: ['hits', 'hourly'] },
    ...{ via: null, dataSets: 'today', zones: 'recorded', recovers: null, promote: 'manual', by: 'test' },
    ...change,
  }
}

export interface Made {
  readonly outputs: readonly SplitOutput[]
  readonly staged: readonly StagedFile[]
}

export interface Rerun {
  readonly request: RerunRequest
  readonly rows: readonly AcceptedRows[]
  readonly phase?: SplitWork['split']['phase']
  readonly barriers?: SplitWork['barriers']
  readonly generation?: number
  readonly attempt?: string
  /** In which the splits are worked off; as given by the executor where absent. */
  readonly order?: 'backwards'
}

let attempts = 0

/** All splits. */
export async function rerun(executor: RerunExecutor, work: Rerun): Promise<Made> {
  const { request, rows, phase = 'backfill', barriers = {}, generation = 2 } = work
  const attempt = work.attempt ?? `rerun-${attempts++}`
  const methods = await executor.methods(request)
  const splits = [...(await executor.splits(phase, rows, request.places))]
  if (work.order === 'backwards') splits.reverse()
  const outputs: SplitOutput[] = []
  const { signal } = new AbortController()
  for (const [n, split] of splits.entries()) {
    const of = { rerun: 1, generation, request, split, methods, barriers, attempt: `${attempt}-${n}` }
    outputs.push(await executor.run(of, { signal }))
  }
  return { outputs, staged: outputs.flatMap(({ staged }) => staged) }
}

export async function scan(
  lake: LakeReader,
  table: TableName,
  snapshot: string | null,
  pending: readonly StagedFile[],
): Promise<readonly LakeRow[]> {
  const rows: LakeRow[] = []
  const own = pending.filter((file) => file.table === table)
  for await (const some of lake.scan({ table, snapshot, pending: own })) rows.push(...some)
  return rows
}

/** In one order and form, folded, without what may differ between generations. */
export function comparable(table: TableName, rows: readonly LakeRow[], places = everywhere): readonly LakeRow[] {
  const definition = tables[table]
  const left = new Set<string>([...publicationColumns, '_gen', 'plan', 'data_sets'])
  const isIn = (row: LakeRow) =>
    places.some(({ merchant, from, to }) => {
      const at = generationTime(table, row)
      return (merchant === null || row.merchant === merchant) && at >= (from ?? -Infinity) && at < (to ?? Infinity)
    })
  const columns = definition.columns.filter(({ name }) => !left.has(name))
  return foldRows(
    definition,
    rows.filter(isIn).map((row) => ({ ...row, _gen: 1 })),
  )
    .toSorted(rowOrder(definition))
    .map((row) => plainRow(columns, row))
}
