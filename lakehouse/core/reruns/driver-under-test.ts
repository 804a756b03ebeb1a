/**
 * A whole system in little, for tests of the driver: a job that commits epochs into a memory control store and writes what
 * the store says, a publisher, tables that know which hit came by which publication, and an executor whose new plan stores
 * every hit, also those that were refused. So at the end each accepted hit has to be in the new generation, once.
 */
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { SnapshotNotFoundError, StaleWritingError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import { type GenerationPlace, type GenerationSink, isInPlace } from '../../../core/generations.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { sleep } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { SnapshotInfo, StagedFile } from '../../../core/ports/lake.ts'
import type { RerunRequest, RerunState } from '../../../core/ports/rerun-store.ts'
import type { GenerationComparer, GenerationDiff, RerunExecutor, RerunSplit } from '../../../core/ports/rerun-work.ts'
import { splitName, type WorkNotes, workNotes } from '../../../core/rerun-notes.ts'
import type { TableName } from '../../../core/tables.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createRerunDriver } from './driver.ts'
import type { DriverLake, RerunDriverOptions } from './driver-options.ts'

/** A hit, as a row of a table. */
interface Row {
  readonly offset: number
  readonly day: number
  readonly generation: number
  readonly publish: number
}

type Tabled = 'hits' | 'failed_hits' | 'hourly'
const tabled: readonly Tabled[] = ['hits', 'failed_hits', 'hourly']

export const firstDay = 20_000
export const shop = 'shop' as MerchantId
/** Every third hit is refused by the old plan. */
const isRefused = (offset: number) => offset % 3 === 2
export const everything: GenerationPlace = { merchant: null, from: null, to: null }
/** How long a split takes. */
export const splitMs = 700
export const emptyDiff: GenerationDiff = {
  at: 0,
  snapshot: null,
  total: [],
  merchants: [],
  merchantsCompared: 1,
  merchantsChanged: 0,
}

export type Ports = Pick<RerunDriverOptions, 'store' | 'lake' | 'executor' | 'comparer'>

export function createRerunWorld() {
  const clock = new ManualClock(Date.parse('2024-10-10T00:00:00Z'))
  const store: ControlStore = createMemoryControlStore()
  const staged = new Map<string, readonly Omit<Row, 'publish'>[]>()
  const rows: Record<Tabled, Row[]> = { hits: [], failed_hits: [], hourly: [] }
  const snapshots: Record<Tabled, { readonly info: SnapshotInfo; readonly rows: number }[]> = {
    hits: [],
    failed_hits: [],
    hourly: [],
  }
  let next = 0
  let epochs = 0
  let fence: number | undefined

  function stage(table: Tabled, name: string, made: readonly Omit<Row, 'publish'>[]): readonly StagedFile[] {
    if (made.length === 0) return []
    staged.set(name, made)
    const days = made.map(({ day }) => day)
    const [firstDay, lastDay] = [Math.min(...days), Math.max(...days)]
    return [{ name, table, rows: made.length, bytes: made.length * 100, firstDay, lastDay }]
  }

  /** An epoch of the job: hits of one day each, in every generation that is written. */
  async function accept(count: number): Promise<void> {
    fence ??= (await store.acquirePartitions('hits', 'log', 'worker', [0])).fence
    for (;;) {
      const writing = await store.writing('hits')
      const offsets = Array.from({ length: count }, (_, n) => next + n)
      const files = writing.generations.flatMap(({ generation, sinks, places, barriers }, at) => {
        const barrier = barriers.find(({ job }) => job === 'hits')?.next ?? 0
        const own = offsets
          .filter((offset) => offset >= barrier)
          .map((offset) => ({ offset, day: dayOf(offset), generation }))
          .filter(({ day }) => places.some((place) => isInPlace(place, shop, day * dayMs)))
        // The plan of the base refuses some; every other plan here is one that does not.
        const stored = at === 0 ? own.filter(({ offset }) => !isRefused(offset)) : own
        const failed = at === 0 ? own.filter(({ offset }) => isRefused(offset)) : []
        const name = (table: string) => `staged/${table}/live-${epochs}-${writing.revision}-g${generation}.parquet`
        return [
          ...(sinks.includes('hits') ? stage('hits', name('hits'), stored) : []),
          ...(sinks.includes('hits') ? stage('failed_hits', name('failed_hits'), failed) : []),
          ...(sinks.includes('hourly') ? stage('hourly', name('hourly'), stored) : []),
        ]
      })
      const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
      try {
        await store.commitEpoch({
          job: 'hits',
          source: 'log',
          plan: 'old',
          fence,
          partitions: [{ ...position, from: next as Offset, next: (next + count) as Offset }],
          staged: files,
          touched: [],
          books: [],
          writing: { pipeline: 'hits', revision: writing.revision },
        })
        next += count
        epochs += 1
        return
      } catch (error) {
        if (!(error instanceof StaleWritingError)) throw error
      }
    }
  }

  async function publish(tables: readonly Tabled[] = tabled): Promise<void> {
    for (const table of tables) {
      const files = await store.unpublished(table)
      if (files.length === 0) continue
      const lease = `publish/${table}`
      const held = await store.acquireLease(lease, 'publisher', 1_000, clock.now())
      const names = files.map(({ name }) => name)
      const { id } = await store.beginPublication(table, lease, held?.fence ?? 0, names)
      for (const name of names) for (const row of staged.get(name) ?? []) rows[table].push({ ...row, publish: id })
      const parent = snapshots[table].at(-1)?.info.id ?? null
      const totalRows = rows[table].length
      const at = clock.now() + snapshots[table].length
      const info = { id: `${id}`, parent, at, operation: 'append', publish: id, addedRows: 1, totalRows }
      snapshots[table].push({ info, rows: totalRows })
      await store.finishPublication(table, lease, held?.fence ?? 0, id, info.id)
      for (const name of names) staged.delete(name)
    }
  }

  const lake: DriverLake = {
    snapshots: async (table) => (snapshots[table as Tabled] ?? []).map(({ info }) => info).reverse(),
    async discard(name) {
      staged.delete(name)
    },
    stagedNames: async () => [...staged.keys()],
    publishedThrough: async () => 0,
  }

  function read({ rows: of, day }: Pick<RerunSplit, 'rows' | 'day'>): readonly Row[] {
    if (of.snapshot === null) return []
    const at = snapshots[of.table].find(({ info }) => info.id === of.snapshot)
    if (at === undefined) throw new SnapshotNotFoundError(of.table, of.snapshot)
    const { after, through } = of
    return rows[of.table]
      .slice(0, at.rows)
      .filter((row) => row.generation === 1 && row.day === day && row.publish > after)
      .filter((row) => through === null || row.publish <= through)
  }

  const executor: RerunExecutor = {
    async splits(phase, inputs, places) {
      const days = Array.from({ length: 40 }, (_, n) => firstDay + n).reverse()
      return inputs.flatMap((input) =>
        days.flatMap((day): readonly RerunSplit[] => {
          const found = read({ rows: input, day })
          if (found.length === 0 || !places.some((place) => isInPlace(place, shop, day * dayMs))) return []
          const place = { phase, table: input.table, day, part: 0, parts: 1 } as const
          const counts = { estimatedRows: found.length, estimatedBytes: found.length * 100 }
          return [{ name: splitName(place), phase, rows: input, day, part: 0, parts: 1, ...counts }]
        }),
      )
    },
    refusal: async () => null,
    methods: async () => ({ hits: 'operators', hourly: 'operators' }),
    async run({ split, request, generation, barriers, attempt }, { signal }) {
      const found = read(split)
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      await Promise.race([sleep(clock, splitMs), aborted])
      signal.throwIfAborted()
      const made = (sink: GenerationSink) =>
        found
          .filter(({ offset }) => offset < (barriers[sink]?.find(({ partition }) => partition === 0)?.next ?? 1e9))
          .map(({ offset, day }) => ({ offset, day, generation }))
      const files = request.sinks.flatMap((sink) => stage(sink, `staged/${sink}/${attempt}-0.parquet`, made(sink)))
      const days = [{ merchant: shop, day: split.day }]
      const recovered = found.filter(({ offset }) => isRefused(offset)).length
      return { staged: files, days, rowsRead: found.length, stored: found.length, failed: {}, dropped: { recovered } }
    },
    failedPlaces: async () => [],
  }
  const comparer: GenerationComparer = { compare: async () => ({ ...emptyDiff, at: clock.now() }) }

  return {
    clock,
    store,
    lake,
    executor,
    comparer,
    snapshots,
    staged,
    accept,
    publish,
    get accepted() {
      return next
    },

    async ask(request: Partial<RerunRequest> = {}) {
      const asked: RerunRequest = {
        pipeline: 'hits',
        places: [everything],
        plan: 'new',
        snapshot: snapshots.hits.at(-1)?.info.id ?? '0',
        sinks: ['hits', 'hourly'],
        via: null,
        dataSets: 'recorded',
        zones: 'recorded',
        recovers: null,
        promote: 'manual',
        by: 'ada',
        ...request,
      }
      return store.createRerun(asked, { now: clock.now(), notes: {} })
    },

    driver(owner = 'one', ports: Partial<Ports> = {}, more: Partial<RerunDriverOptions> = {}) {
      const all = { store, lake, executor, comparer, clock, timers: clock, random: seededRandom(owner.length) }
      return createRerunDriver({ ...all, owner, jobs: { hits: 'hits', hourly: 'hits' }, ...ports, ...more })
    },

    /** Lets time pass, with traffic and publications in it, until `isOver` says so; whether it did. */
    async live(isOver: () => Promise<boolean>, { forMs = 120_000, traffic = true } = {}): Promise<boolean> {
      for (let ms = 0; ms <= forMs; ms += 250) {
        if (await isOver()) return true
        clock.advance(250)
        await new Promise(setImmediate)
        if (traffic && ms % 2_000 === 0) await accept(2)
        if (ms % 3_000 === 0) await publish()
      }
      return isOver()
    },

    /** Lets time pass in long steps, without traffic; publishes on the way. */
    async pass(ms: number, stepMs = 5_000): Promise<void> {
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(stepMs)
        await new Promise(setImmediate)
        await publish()
      }
    },

    /** Offsets of a generation's rows in a table, published or not, with repeats. */
    offsets(table: TableName, generation: number): readonly number[] {
      const pending = [...staged].filter(([name]) => name.startsWith(`staged/${table}/`)).flatMap(([, made]) => made)
      return [...rows[table as Tabled], ...pending]
        .filter((row) => row.generation === generation)
        .map(({ offset }) => offset)
        .sort((a, b) => a - b)
    },
  }
}

export type RerunWorld = ReturnType<typeof createRerunWorld>

/** With hits that are in a snapshot. */
export async function begunWorld(hits = 8): Promise<RerunWorld> {
  const world = createRerunWorld()
  await world.accept(hits)
  await world.publish()
  return world
}

export const isIn =
  (world: RerunWorld, state: RerunState, id = 1) =>
  async () =>
    (await world.store.rerun(id))?.state === state

export async function notesOf(world: RerunWorld, id = 1): Promise<WorkNotes> {
  return workNotes((await world.store.rerun(id)) ?? { notes: {} })
}

/** What the newest event says. */
export async function lastNote(world: RerunWorld): Promise<string | null | undefined> {
  return (await world.store.rerun(1))?.events.at(-1)?.note
}

export const withExecutor = (world: RerunWorld, more: Partial<RerunExecutor>) => ({
  executor: { ...world.executor, ...more },
})

function dayOf(offset: number): number {
  return firstDay + (offset % 4)
}
