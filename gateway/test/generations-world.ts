/** A shop's hits in several generations, which are made, promoted, rolled back and released, and the numbers of whoever asks. */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, hourMs, utcDay } from '../../core/event-time.ts'
import { type GenerationEntry, type GenerationPlace, type GenerationSink, isInPlace } from '../../core/generations.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { LakeReader, LakeWriter, StagedFile } from '../../core/ports/lake.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { Rerun } from '../../core/ports/rerun-store.ts'
import { setUpReruns } from '../../core/ports/rerun-under-test.ts'
import type { LakeRow } from '../../core/tables.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { visitsRule } from '../../core/visits.ts'
import { visitsOf } from '../../core/visits-of.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../lakehouse/adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../lakehouse/adapters/memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../../lakehouse/adapters/memory/memory-query-engine.ts'
import { createMaintenance, type MaintenanceOptions } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import { type Cells, createCells } from '../core/cells.ts'
import { createVersions } from '../core/versions.ts'

export const midnight = eventTime('2026-03-10T00:00:00Z')
export const [tea, kolkata] = ['tea', 'kolkata'] as MerchantId[] as [MerchantId, MerchantId]
export const merchants = [tea, kolkata]
/** Of one midnight is UTC's; of the other hours begin in the middle of UTC's. */
const zoneOf = (merchant: MerchantId) => (merchant === tea ? 'UTC' : 'Asia/Kolkata')

/** What a system is made of. */
export type OpenParts = (clock: ManualClock) => Promise<{
  readonly store: ControlStore
  readonly lake: LakeWriter & LakeReader & MaintenanceOptions['lake']
  readonly engine: QueryEngine
}>

/** Of a store and lake in memory. */
export const inMemory: OpenParts = async (clock) => {
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  return { store: createMemoryControlStore(), lake, engine: createMemoryQueryEngine({ lake }) }
}

export interface Accepted {
  readonly n: number
  readonly merchant: MerchantId
  readonly time: number
  readonly visitor: string
}

/** The plan of a generation: each stores other hits, at its own price. */
const isStored = ({ n }: Accepted, generation: number) => generation === 1 || n % (generation + 2) !== 0
const hourOf = ({ merchant, time }: Accepted) => calendarBucket('hour', zoneOf(merchant), time).start

const hitRow = (hit: Accepted, _gen: number): LakeRow => ({
  ...{ merchant: hit.merchant, id: String(hit.n), name: 'page_view', time: hit.time, received: hit.time },
  ...{ visitor: hit.visitor, session: null, user: null, bot: false, visitor_hash: 1n, zone: zoneOf(hit.merchant) },
  ...{ revenue_home_micros: _gen, currency: 'EUR', _src: 'log', _part: 0, _off: hit.n, _idx: 0, _gen },
})
const hourRow = (hit: Accepted, _gen: number): LakeRow => ({
  ...{ merchant: hit.merchant, bucket: hourOf(hit), breakdown: 'total', value: '', hits: 1, pageviews: 1 },
  ...{ visitors: [1n], orders: 0, revenue_micros: BigInt(_gen), _src: 'log', _part: 0 },
  ...{ _off_from: hit.n, _off_to: hit.n, _gen },
})

export async function createGenerationsWorld(open: OpenParts) {
  const clock = new ManualClock(midnight)
  const { store, lake, engine } = await open(clock)
  const reruns = await setUpReruns({ open: async () => store })
  for (const id of merchants) {
    const facts = { id, name: id, timeZone: zoneOf(id), currency: 'EUR', blockedNames: [], retentionDays: null }
    await store.createMerchant({ ...facts, visitorSeed: '0'.repeat(16) }, [])
  }
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables: ['hits', 'hourly'] })
  const failures: unknown[] = []
  const maintenance = createMaintenance({ ...common, reads: 'pending', onError: (error) => failures.push(error) })
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const cellsOver = (reading = store) => createCells({ engine, store: reading, versions })
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
  const accepted: Accepted[] = []
  /** What was promoted and not rolled back, in order. */
  let map: GenerationEntry[] = []
  let name = 0

  async function stage(hits: readonly Accepted[], generation: number, places: readonly GenerationPlace[]) {
    const stored = hits.filter((hit) => isStored(hit, generation))
    const at = (merchant: string, time: number) => places.some((place) => isInPlace(place, merchant, time))
    const staged: StagedFile[] = []
    for (const [table, rows] of [
      ['hits', stored.filter((hit) => at(hit.merchant, hit.time)).map((hit) => hitRow(hit, generation))],
      ['hourly', stored.filter((hit) => at(hit.merchant, hourOf(hit))).map((hit) => hourRow(hit, generation))],
    ] as const) {
      if (rows.length > 0) staged.push(await lake.stage(table, `staged/${table}-${name++}`, rows))
    }
    return staged
  }
  const daysOf = (hits: readonly Accepted[]) =>
    hits.map((hit) => ({ merchant: hit.merchant, day: utcDay(hourOf(hit)) }))

  return {
    clock,
    store,
    reruns,
    publisher,
    maintenance,
    versions,
    failures,
    cellsOver,
    accepted,
    /** An epoch: into all generations that are written. */
    async commit(hits: readonly Omit<Accepted, 'n'>[]): Promise<void> {
      const from = accepted.length
      const news = hits.map((hit, at) => ({ ...hit, n: from + at }))
      accepted.push(...news)
      const { revision, generations } = await store.writing('hits')
      const staged: StagedFile[] = []
      for (const { generation, places } of generations) staged.push(...(await stage(news, generation, places)))
      const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
      await store.commitEpoch({
        ...{ job: 'hits', source: 'log', plan: 'p', fence, staged, books: [], touched: daysOf(news) },
        partitions: [{ ...position, from: from as Offset, next: accepted.length as Offset }],
        writing: { pipeline: 'hits', revision },
      })
    },
    /** A rerun of all there is in the places, ready to be promoted. */
    async rerun(places: readonly GenerationPlace[], sinks: readonly GenerationSink[]): Promise<Rerun> {
      const made = await reruns.create({ places, sinks })
      const running = await reruns.update(made, { state: 'backfilling' })
      const staged = (await stage(accepted, made.generation, places)).filter(({ table }) =>
        sinks.some((each) => each === table),
      )
      await store.commitSplit({ rerun: made.id, split: 'all', staged, days: daysOf(accepted) })
      return reruns.update(await reruns.begin(running), { state: 'ready' })
    },
    async promote(rerun: Rerun): Promise<Rerun> {
      const { sinks, places } = rerun.request
      const { generation } = rerun
      map = map.filter((each) => each.generation !== generation)
      map.push(...sinks.flatMap((sink) => places.map((place) => ({ ...place, sink, generation }))))
      return reruns.promote(rerun)
    },
    async rollBack(rerun: Rerun): Promise<Rerun> {
      map = map.filter(({ generation }) => generation !== rerun.generation)
      return reruns.rollBack(rerun)
    },
    generationAt: (sink: GenerationSink, merchant: string, time: number) =>
      map.filter((each) => each.sink === sink && isInPlace(each, merchant, time)).at(-1)?.generation ?? 1,
  }
}

export type GenerationsWorld = Awaited<ReturnType<typeof createGenerationsWorld>>
export const buckets = (start: number, size: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ start: start + n * size, end: start + (n + 1) * size }))

/** Days of the merchant, hours, and a stretch that begins and ends in between: by hours, by hits, and visits. */
export async function answers(cells: Cells, merchant: MerchantId) {
  const first = calendarBucket('day', zoneOf(merchant), midnight - 6 * dayMs).start
  const found: Record<string, unknown> = {}
  for (const [unit, of] of Object.entries({
    day: buckets(first, dayMs, 7),
    hour: buckets(first + 2 * dayMs, hourMs, 48),
    stretch: [{ start: first + 5 * hourMs, end: first + 4 * dayMs + hourMs }],
  })) {
    const asked = { merchant, buckets: of, dimensions: [], filter: null, asOf: 0 }
    const numbers = async (source: 'rollup' | 'raw') => {
      const from =
        source === 'rollup'
          ? ({ from: source, breakdown: 'total' } as const)
          : ({ from: source, unaligned: false } as const)
      const { cells: all, generation } = await cells.hits({ ...asked, source: from, parts: [] })
      return [
        all.map(({ groups }) => groups.flatMap((each) => [each.numbers.hits, each.numbers.revenueMicros])),
        generation,
      ]
    }
    found[`${unit} by hours`] = await numbers('rollup')
    found[`${unit} by hits`] = await numbers('raw')
    const visits = await cells.visits(asked)
    found[`${unit} visits`] = [
      visits.cells.map(({ groups }) => groups.flatMap(({ numbers: each }) => [each.sessions, each.pageviews])),
      visits.generation,
    ]
  }
  return found
}

/** The same, recounted over what was accepted. */
export function recount(of: GenerationsWorld, merchant: MerchantId) {
  const mine = of.accepted.filter((hit) => hit.merchant === merchant)
  const first = calendarBucket('day', zoneOf(merchant), midnight - 6 * dayMs).start
  const hits = mine.flatMap((hit) => {
    const generation = of.generationAt('hits', merchant, hit.time)
    return isStored(hit, generation) ? [{ ...hit, generation }] : []
  })
  const hours = mine.flatMap((hit) => {
    const generation = of.generationAt('hourly', merchant, hourOf(hit))
    return isStored(hit, generation) ? [{ ...hit, time: hourOf(hit), generation }] : []
  })
  const visits = visitsOf(
    hits.map((hit) => hitRow(hit, hit.generation)),
    visitsRule,
  )
  const found: Record<string, unknown> = {}
  for (const [unit, each] of Object.entries({
    day: buckets(first, dayMs, 7),
    hour: buckets(first + 2 * dayMs, hourMs, 48),
    stretch: [{ start: first + 5 * hourMs, end: first + 4 * dayMs + hourMs }],
  })) {
    const highest = (sink: GenerationSink) => {
      const [start, end] = [each[0]?.start ?? 0, each.at(-1)?.end ?? 0]
      const edges = [start, ...[-9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2].map((n) => midnight + n * dayMs)]
      const inside = edges.filter((time) => time >= start && time < end)
      return Math.max(...inside.map((time) => of.generationAt(sink, merchant, time)))
    }
    const sums = (rows: readonly { readonly time: number; readonly generation: number }[]) =>
      each.map(({ start, end }) => {
        const own = rows.filter(({ time }) => time >= start && time < end)
        return own.length === 0 ? [] : [BigInt(own.length), own.reduce((sum, row) => sum + BigInt(row.generation), 0n)]
      })
    found[`${unit} by hours`] = [sums(hours), highest('hourly')]
    found[`${unit} by hits`] = [sums(hits), highest('hits')]
    found[`${unit} visits`] = [
      each.map(({ start, end }) => {
        const own = visits.filter(([visit]) => Number(visit.time) >= start && Number(visit.time) < end)
        return own.length === 0 ? [] : [BigInt(own.length), own.reduce((sum, visit) => sum + BigInt(visit.length), 0n)]
      }),
      highest('hits'),
    ]
  }
  return found
}
