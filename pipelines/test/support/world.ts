/** Everything a stream runner touches, in memory: what survives a crash of the runner, and runners over it. */
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { type EventTime, eventTime, type ReceivedTime } from '../../../core/event-time.ts'
import type { Hit, HitBatch } from '../../../core/hit.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Books, Merchant } from '../../../core/ports/control-store.ts'
import { createHasher } from '../../../core/sketch/hasher.ts'
import { kmvUnion } from '../../../core/sketch/kmv.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { createMemoryLake, MemoryLakeState } from '../../../lakehouse/adapters/memory/memory-lake.ts'
import { encodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { memoryFeed } from '../../adapters/memory/memory-feed.ts'
import { createHitsJob } from '../../jobs/hits.ts'
import type { StreamRunnerOptions } from '../../runtime/runner-options.ts'
import { createStreamRunner, type StreamRunner } from '../../runtime/stream-runner.ts'

export const morning = eventTime('2026-03-01T09:00:00.000Z')
export const shop = 'shop' as MerchantId

const hasher = await createHasher()

export type World = Awaited<ReturnType<typeof createWorld>>

/** A feed and stores without records. Merchants `shop` and those named exist; `shop` has blocked the name `secret`. */
export async function createWorld(
  options: { readonly partitions?: readonly number[]; readonly merchants?: readonly string[] } = {},
) {
  const clock = new ManualClock(morning)
  const random = seededRandom(7)
  const partitions = options.partitions ?? [0]
  const store = createMemoryControlStore()
  for (const id of [shop, ...(options.merchants ?? [])]) await store.createMerchant(merchant(id), [])
  const feed = memoryFeed({ source: 'log-1', partitions, timers: clock })
  const lake = createMemoryLake({ random, clock, state: new MemoryLakeState() })
  const objects = memoryObjectStore()
  /** The next place of the collector's log, by partition. */
  const places = new Map<number, number>()
  return { clock, random, store, feed, lake, objects, places }
}

export function merchant(id: string): Merchant {
  const blockedNames = id === shop ? ['secret'] : []
  const visitorSeed = '00000000000000aa'
  return {
    id: id as MerchantId,
    name: id,
    timeZone: 'UTC',
    currency: 'EUR',
    blockedNames,
    visitorSeed,
    retentionDays: null,
  }
}

/** A runner of the pipeline `hits` over the world; user agents with `bot` in them are bots. */
export function runnerOn(
  world: Omit<World, 'feed' | 'lake' | 'objects' | 'places'> & Pick<StreamRunnerOptions, 'feed' | 'lake' | 'objects'>,
  changes: Partial<StreamRunnerOptions> = {},
): StreamRunner {
  const { plan, inputs } = createHitsJob({
    store: world.store,
    visitorHash: hasher.visitorHash,
    country: () => 'DE',
    userAgents: {
      read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
    },
    dataSets: { country: '1' },
  })
  const { clock, store, feed, lake, objects, random } = world
  return createStreamRunner({
    ...{ plan, inputs, feed, store, lake, objects, random, clock, timers: clock, owner: 'test' },
    turn: nextTurn,
    ...changes,
  })
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Runs all that is in the feed through a new runner. */
export async function drain(world: World, changes: Partial<StreamRunnerOptions> = {}): Promise<StreamRunner> {
  const runner = runnerOn(world, changes)
  await runner.start()
  await during(world, runner.stop())
  return runner
}

/** Lets time pass until the promise is settled. */
export async function during<T>(world: Pick<World, 'clock'>, promise: Promise<T>, stepMs = 100): Promise<T> {
  let settled = false
  const end = () => {
    settled = true
  }
  promise.then(end, end)
  while (!settled) {
    await nextTurn()
    if (!settled) world.clock.advance(stepMs)
  }
  return promise
}

/** Lets others run, without time passing, until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 12_000) throw new Error('what the test waits for does not happen')
    // WebAssembly is compiled in another thread, which takes real time where the machine is busy.
    if (turns < 10_000) await nextTurn()
    else await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

export function hit(changes: Partial<Hit> = {}): Hit {
  return {
    ...{ id: 'h1', name: 'page_view', time: morning, visitor: 'v1', session: null, user: null },
    ...{
      url: 'https://shop.example/a',
      referrer: null,
      title: null,
      revenue: null,
      items: [],
      props: {},
      context: null,
    },
    ...changes,
  }
}

export function batch(hits: readonly Hit[], changes: Partial<Omit<HitBatch, 'hits'>> = {}): HitBatch {
  return {
    ...{ merchant: shop, zone: 'UTC', currency: 'EUR', received: morning as number as ReceivedTime },
    ...{ addressPrefix: null, requestUserAgent: null, requestLanguage: null, requestClientHints: null },
    keyKind: 'browser' as const,
    ...changes,
    hits,
  }
}

/** Puts batches into the feed as a collector's log has them, one record each; gives the first one's offset. */
export function push(world: World, batches: readonly HitBatch[], partition = 0): Offset {
  const [first = 0 as Offset] = batches.map((each) => pushOne(world, encodeHitBatch(each), partition))
  return first
}

/** The next record of the log, whatever its bytes. */
export function pushBytes(world: World, payload: Uint8Array, partition = 0): Offset {
  return pushOne(world, payload, partition)
}

function pushOne(world: World, payload: Uint8Array, partition: number): Offset {
  const place = world.places.get(partition) ?? 0
  world.places.set(partition, place + 1)
  return world.feed.push(partition, payload, { log: 'log-1', place })
}

/** Rows that count: all staged files that a commit named. */
export async function rowsOf(world: World, table: TableName): Promise<readonly LakeRow[]> {
  const rows: LakeRow[] = []
  for await (const some of world.lake.scan(await world.store.tableView(table))) rows.push(...some)
  return rows
}

export const booksOf = (world: World, merchantId?: MerchantId): Promise<Books> =>
  world.store.books({ ...(merchantId !== undefined && { merchant: merchantId }), from: 0, to: Number.MAX_SAFE_INTEGER })

export interface MergedHour {
  readonly hits: bigint
  readonly pageviews: bigint
  readonly orders: bigint
  readonly revenue: bigint
  readonly visitors: readonly bigint[]
}

/** The totals of `hourly` as readers see them: partial rows merged, by `merchant bucket`. */
export function merged(rows: readonly LakeRow[]): ReadonlyMap<string, MergedHour> {
  const hours = new Map<string, MergedHour>()
  for (const row of rows.filter(({ breakdown }) => breakdown === 'total').sort(byKey)) {
    const key = keyOf(row)
    const known = hours.get(key) ?? { hits: 0n, pageviews: 0n, orders: 0n, revenue: 0n, visitors: [] }
    hours.set(key, {
      hits: known.hits + BigInt(row.hits as number),
      pageviews: known.pageviews + BigInt(row.pageviews as number),
      orders: known.orders + BigInt(row.orders as number),
      revenue: known.revenue + BigInt(row.revenue_micros as bigint),
      visitors: kmvUnion(known.visitors, row.visitors as readonly bigint[], totalSketchSize),
    })
  }
  return hours
}

const keyOf = (row: LakeRow) => `${row.merchant} ${new Date(row.bucket as number).toISOString()}`
const byKey = (a: LakeRow, b: LakeRow) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0)

export const at = (ms: number): EventTime => (morning + ms) as EventTime
export const receivedAt = (ms: number): ReceivedTime => (morning + ms) as number as ReceivedTime
