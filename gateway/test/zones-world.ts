/**
 * A shop whose time zone is changed, with collectors that hear of it late and whose clocks differ, hits that come late, reruns
 * in recorded and in present zones, and whoever asks. Rows are made as the plan and reruns make them: of every hit an hour
 * of the zone stamped on it, or of the merchant's zone of that moment.
 */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { dayMs, utcDay } from '../../core/event-time.ts'
import { type GenerationEntry, type GenerationPlace, isInPlace } from '../../core/generations.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import type { StagedFile } from '../../core/ports/lake.ts'
import type { Rerun } from '../../core/ports/rerun-store.ts'
import { requestOf, setUpReruns } from '../../core/ports/rerun-under-test.ts'
import type { LakeRow } from '../../core/tables.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { createMaintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import { createCells } from '../core/cells.ts'
import { defaultKeyTtlMs } from '../core/keys.ts'
import { changeMerchant } from '../core/merchants.ts'
import { recordRerun } from '../core/rerun-verbs.ts'
import { clocksApartMaxMs } from '../core/stored-hours.ts'
import { createVersions } from '../core/versions.ts'
import { inMemory } from './generations-world.ts'

export const shop = 'shop' as MerchantId
/** Shortly before clocks go forward in Europe; Lord Howe's go back, by half an hour, a week later. */
export const beginning = Date.parse('2026-03-27T13:20:00Z')
export const collectors = [0, 1] as const

export interface Received {
  readonly n: number
  readonly time: number
  readonly received: number
  /** Stamped by the collector. */
  readonly zone: string
}

const hitRow = (hit: Received, zone: string, _gen: number): LakeRow => ({
  ...{ merchant: shop, id: String(hit.n), name: 'page_view', time: hit.time, received: hit.received },
  ...{ visitor: `v${hit.n % 3}`, session: null, user: null, bot: false, visitor_hash: BigInt(hit.n % 3), zone },
  ...{ revenue_home_micros: 1, currency: 'EUR', _src: 'log', _part: 0, _off: hit.n, _idx: 0, _gen },
})
const hourOf = ({ time }: Received, zone: string) => calendarBucket('hour', zone, time).start
const hourRow = (hit: Received, zone: string, _gen: number): LakeRow => ({
  ...{ merchant: shop, bucket: hourOf(hit, zone), breakdown: 'total', value: '', hits: 1, pageviews: 1 },
  ...{ visitors: [BigInt(hit.n % 3)], orders: 0, revenue_micros: 1n, _src: 'log', _part: 0 },
  ...{ _off_from: hit.n, _off_to: hit.n, _gen },
})

export async function createZonesWorld(zone: string) {
  const clock = new ManualClock(beginning)
  const { store, lake, engine } = await inMemory(clock)
  const reruns = await setUpReruns({ open: async () => store })
  const facts = { id: shop, name: 'Shop', timeZone: zone, currency: 'EUR', blockedNames: [], retentionDays: null }
  await store.createMerchant({ ...facts, visitorSeed: '0'.repeat(16) }, [])
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables: ['hits', 'hourly'] })
  const failures: unknown[] = []
  const maintenance = createMaintenance({ ...common, reads: 'pending', onError: (error) => failures.push(error) })
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])

  /** How far each collector's clock is off, and the zone it knows since when. */
  const apart = [-clocksApartMaxMs / 2, clocksApartMaxMs / 2]
  const stamps = collectors.map(() => ({ zone, asked: clock.now() }))
  const waiting: Received[][] = collectors.map(() => [])
  let received = 0
  const committed: Received[] = []
  /** By generation, the zone that each of its hits is of. */
  const zonesOf = new Map<number, Map<number, string>>([[1, new Map()]])
  let map: GenerationEntry[] = []
  let names = 0
  const present = async () => (await store.merchant(shop)) as Merchant

  function generationOf({ time }: Received): number {
    const found = map.filter((each) => each.sink === 'hits' && isInPlace(each, shop, time))
    return found.at(-1)?.generation ?? 1
  }

  async function stage(hits: readonly Received[], generation: number, places: readonly GenerationPlace[], of: ZoneOf) {
    const at = (time: number) => places.some((place) => isInPlace(place, shop, time))
    const known = zonesOf.get(generation) ?? new Map<number, string>()
    zonesOf.set(generation, known)
    const own = hits.filter(({ time }) => at(time))
    for (const hit of own) known.set(hit.n, of(hit))
    const hours = hits.filter((hit) => at(hourOf(hit, of(hit))))
    const staged: StagedFile[] = []
    for (const [table, rows] of [
      ['hits', own.map((hit) => hitRow(hit, of(hit), generation))],
      ['hourly', hours.map((hit) => hourRow(hit, of(hit), generation))],
    ] as const) {
      if (rows.length > 0) staged.push(await lake.stage(table, `staged/${table}-${names++}`, rows))
    }
    const days = hits.flatMap((hit) => [utcDay(hourOf(hit, of(hit))), utcDay(hit.time)])
    return { staged, days: days.map((day) => ({ merchant: shop, day })) }
  }

  /** What a split reads is of the zone stamped on it as it answers, or of the present one. */
  async function splitOf(rerun: Rerun, name: string, hits: readonly Received[]): Promise<void> {
    const { generation, request } = rerun
    const { timeZone } = await present()
    const of: ZoneOf = (hit) =>
      request.zones === 'today' ? timeZone : (zonesOf.get(generationOf(hit))?.get(hit.n) ?? hit.zone)
    await store.commitSplit({ rerun: rerun.id, split: name, ...(await stage(hits, generation, request.places, of)) })
  }
  const readTo = new Map<number, number>()

  return {
    clock,
    store,
    versions,
    publisher,
    maintenance,
    failures,
    committed,
    present,
    cells: (rawRowBudget: number) => createCells({ engine, store, versions, rawRowBudget }),
    /** Hits so long ago, by the collector's clock. */
    async receive(collector: 0 | 1, lateMs: readonly number[]): Promise<void> {
      const stamp = stamps[collector] as { zone: string; asked: number }
      if (clock.now() - stamp.asked >= defaultKeyTtlMs) {
        stamp.zone = (await present()).timeZone
        stamp.asked = clock.now()
      }
      const at = clock.now() + (apart[collector] ?? 0)
      for (const late of lateMs) {
        waiting[collector]?.push({ n: received++, time: at - late, received: at, zone: stamp.zone })
      }
    },
    /** An epoch over all that waits at a collector: into all generations that are written. */
    async commit(collector: 0 | 1): Promise<void> {
      const hits = waiting[collector]?.splice(0) ?? []
      if (hits.length === 0) return
      const from = committed.length
      committed.push(...hits)
      const { revision, generations } = await store.writing('hits')
      const all = []
      for (const { generation, places } of generations) {
        all.push(await stage(hits, generation, places, (hit) => hit.zone))
      }
      const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
      await store.commitEpoch({
        ...{ job: 'hits', source: 'log', plan: 'p', fence, books: [] },
        staged: all.flatMap(({ staged }) => staged),
        touched: all.flatMap(({ days }) => days),
        partitions: [{ ...position, from: from as Offset, next: committed.length as Offset }],
        writing: { pipeline: 'hits', revision },
      })
    },
    changeZone: (timeZone: string) => changeMerchant(store, clock, shop, { timeZone }),
    /** @throws ProblemError where the zone is not settled */
    async begin(zones: 'recorded' | 'today', place: Omit<GenerationPlace, 'merchant'>): Promise<Rerun> {
      const request = requestOf({ places: [{ merchant: shop, ...place }], zones })
      // As collectors say it: all that was received before, by their clocks, is processed.
      const asOf = Math.min(...collectors.map((at) => waiting[at]?.[0]?.received ?? clock.now() + (apart[at] ?? 0)))
      const parts = { store, clock, freshness: { read: () => asOf }, planner: { plan: () => Promise.reject() } }
      const made = await recordRerun(parts, { request, estimate: {} as never })
      const running = await reruns.update(made, { state: 'backfilling' })
      await splitOf(running, 'backfill', committed)
      readTo.set(made.id, committed.length)
      return running
    },
    /** Dual writing begins, and what came meanwhile is caught up. */
    async catchUp(rerun: Rerun): Promise<Rerun> {
      const begun = await reruns.begin(rerun)
      await splitOf(begun, 'catch-up', committed.slice(readTo.get(rerun.id)))
      return reruns.update(begun, { state: 'ready' })
    },
    async promote(rerun: Rerun): Promise<Rerun> {
      const { generation, request } = rerun
      map = map.filter((each) => each.generation !== generation)
      map.push(...request.sinks.flatMap((sink) => request.places.map((place) => ({ ...place, sink, generation }))))
      return reruns.promote(rerun)
    },
    async rollBack(rerun: Rerun): Promise<Rerun> {
      const moved = await reruns.rollBack(rerun)
      map = map.filter(({ generation }) => generation !== rerun.generation)
      return moved
    },
    release: (rerun: Rerun) => reruns.release(rerun),
    cancel: (rerun: Rerun) => reruns.cancel(rerun),
    days: (from: number, to: number) => ({
      from: utcDay(beginning + from * dayMs) * dayMs,
      to: utcDay(beginning + to * dayMs) * dayMs,
    }),
  }
}

type ZoneOf = (hit: Received) => string
export type ZonesWorld = Awaited<ReturnType<typeof createZonesWorld>>
