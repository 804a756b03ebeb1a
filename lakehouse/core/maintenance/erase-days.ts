/**
 * The first half of an erasure: the days of `hourly` that count its hits are computed again without them, in each generation.
 */
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { DroppedDay, Erasure } from '../../../core/ports/erasure-store.ts'
import type { StagedFile, TableView } from '../../../core/ports/lake.ts'
import { type CountedDay, type RecomputeWork, recomputedDaysMax } from '../../../core/ports/lake-removal.ts'
import { dropKey, forgetDrops, generationsOf } from './erase-drops.ts'
import { type EraseRoundOptions, hitsOf, move, noteOf } from './erase-round.ts'
import { type HourlyGeneration, hasHours, hourlyGenerations } from './hourly-generations.ts'
import { keptFrom } from './retention-round.ts'
import { isUnderWay, tellReaders } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

/** Looks at the two tables for one moment at which both hold the same hits of a day, before it is left to the next round. */
export const sameMomentMaxTries = 4

export interface DaysWork {
  readonly erasures: readonly Erasure[]
  /** Reports of dropped hits whose days may be computed, among all there are. */
  readonly due: readonly DroppedDay[]
  readonly drops: readonly DroppedDay[]
}

/**
 * Computes the days of these erasures, and of dropped hits, that are over and not computed yet. Moves on what is done, and
 * back what was and has new hits since; returns those that are `removing` now.
 */
export async function computeDays(
  options: EraseRoundOptions,
  work: DaysWork,
  closedDay: number,
): Promise<readonly Erasure[]> {
  const { store } = options
  const generations = await hourlyGenerations(store)
  const kept = new Map((await keptFrom(store, options.clock.now())).map(({ merchant, before }) => [merchant, before]))
  const counted = await countedDays(options, work.erasures, { generations, kept })
  const isDone = (erasure: Erasure) => daysOf(erasure).every((each) => isComputed(options, erasure, each))
  const daysOf = ({ id }: Erasure) => counted.get(id) ?? []
  const asked: Erasure[] = []
  const removing: Erasure[] = []
  for (const erasure of work.erasures) {
    if (erasure.state === 'asked') asked.push(erasure)
    else if (noteOf(options, erasure)?.isComplete === true && isDone(erasure)) removing.push(erasure)
    else {
      // Hits came after its days were computed, or another process computed them: once more.
      const moved = await move(options, erasure, 'asked')
      if (moved !== undefined) asked.push(moved)
    }
  }
  const dropped = work.due.map((drop) => ({ drop, of: generationsOf(drop, generations, kept) }))
  const done = new Set<string>()
  for (const { day, of, merchants } of undoneDays(options, { asked, counted, dropped })) {
    if (options.stop.aborted) return []
    if (day > closedDay) continue
    for (const merchant of await computeDay(options, day, of, merchants)) {
      done.add(doneKey(of, merchant, day))
      for (const erasure of asked.filter((each) => each.merchant === merchant)) {
        for (const each of daysOf(erasure)) if (each.day === day && each.of === of) markComputed(options, erasure, each)
      }
    }
  }
  // Readers who do not know yet go by numbers of before.
  if ((options.owed.get('hourly') ?? []).length > 0) return removing
  const over = dropped.filter(({ drop, of }) => of.every((each) => done.has(doneKey(each, drop.merchant, drop.day))))
  await forgetDrops(
    store,
    over.map(({ drop }) => drop),
  )
  for (const { drop, of } of over) markDropped(options, work.erasures, drop, of)
  const left = new Set(work.drops.map(dropKey))
  for (const { drop } of over) left.delete(dropKey(drop))
  for (const erasure of asked.filter(isDone)) {
    const note = noteOf(options, erasure)
    if (note === undefined || [...note.drops].some((key) => left.has(key))) continue
    const moved = await move(options, erasure, 'removing')
    if (moved === undefined) continue
    note.isComplete = true
    removing.push(moved)
  }
  return removing
}

const doneKey = ({ generation }: HourlyGeneration, merchant: MerchantId, day: number) =>
  `${generation} ${day} ${merchant}`

/** What was derived of the day goes with the erasures that the report may be of. */
function markDropped(
  options: EraseRoundOptions,
  erasures: readonly Erasure[],
  drop: DroppedDay,
  generations: readonly HourlyGeneration[],
): void {
  for (const erasure of erasures) {
    const note = noteOf(options, erasure)
    if (erasure.merchant !== drop.merchant || note?.drops.has(dropKey(drop)) !== true) continue
    for (const of of generations) {
      const hits = note.days.get(of.generation)?.get(drop.day) ?? 0
      markComputed(options, erasure, { day: drop.day, hits, of })
    }
  }
}

/** A day of the hours of one generation. */
interface CountedHours extends CountedDay {
  readonly of: HourlyGeneration
}

type Counted = ReadonlyMap<number, readonly CountedHours[]>

interface UndoneDay {
  readonly day: number
  readonly of: HourlyGeneration
  readonly merchants: readonly MerchantId[]
}

/** Rising by day, then generation. */
function undoneDays(
  options: EraseRoundOptions,
  work: {
    readonly asked: readonly Erasure[]
    readonly counted: Counted
    readonly dropped: readonly { readonly drop: DroppedDay; readonly of: readonly HourlyGeneration[] }[]
  },
): readonly UndoneDay[] {
  const undone = new Map<string, UndoneDay & { readonly merchants: MerchantId[] }>()
  const add = (day: number, of: HourlyGeneration, merchant: MerchantId): void => {
    const key = `${of.generation} ${day}`
    const found = undone.get(key) ?? { day, of, merchants: [] }
    undone.set(key, found)
    if (!found.merchants.includes(merchant)) found.merchants.push(merchant)
  }
  for (const erasure of work.asked) {
    for (const each of work.counted.get(erasure.id) ?? []) {
      if (!isComputed(options, erasure, each)) add(each.day, each.of, erasure.merchant)
    }
  }
  for (const { drop, of } of work.dropped) for (const each of of) add(drop.day, each, drop.merchant)
  return [...undone.values()].sort((a, b) => a.day - b.day || a.of.generation - b.of.generation)
}

function isComputed(options: EraseRoundOptions, erasure: Erasure, { day, hits, of }: CountedHours): boolean {
  const before = noteOf(options, erasure)?.days.get(of.generation)?.get(day)
  return before !== undefined && hits <= before
}

function markComputed(
  options: EraseRoundOptions,
  erasure: Erasure,
  { day, hits, of }: Pick<CountedHours, 'day' | 'hits' | 'of'>,
): void {
  const days = noteOf(options, erasure)?.days
  days?.set(of.generation, (days.get(of.generation) ?? new Map()).set(day, hits))
}

/** By id of the erasure; days whose hits are kept no more are none: what `hourly` says of them stays. */
async function countedDays(
  options: EraseRoundOptions,
  erasures: readonly Erasure[],
  {
    generations,
    kept,
  }: {
    readonly generations: readonly HourlyGeneration[]
    readonly kept: ReadonlyMap<MerchantId, number>
  },
): Promise<Counted> {
  const { store, lake } = options
  const hits = erasures.map(hitsOf)
  const view = visible(options, await store.tableView('hits'))
  const found = new Map<number, CountedHours[]>(erasures.map(({ id }) => [id, []]))
  if (erasures.length === 0) return found
  for (const of of generations) {
    for (const each of await lake.countedDays(view, of.hitGenerations, hits)) {
      const start = each.day * dayMs
      if (start < (kept.get(each.merchant) ?? Number.NEGATIVE_INFINITY)) continue
      if (!hasHours(of, each.merchant, start)) continue
      const erasure = erasures[hits.indexOf(each.erased)]
      if (erasure !== undefined) found.get(erasure.id)?.push({ ...each, of })
    }
  }
  return found
}

/** The merchants whose day was computed. */
async function computeDay(
  options: EraseRoundOptions,
  day: number,
  { generation, hitGenerations }: HourlyGeneration,
  merchants: readonly MerchantId[],
): Promise<ReadonlySet<MerchantId>> {
  const { store, lake } = options
  const done = new Set<MerchantId>()
  for (let at = 0; at < merchants.length; at += recomputedDaysMax) {
    const some = merchants.slice(at, at + recomputedDaysMax)
    const lease = await takeLease(options, 'hourly')
    if (lease === undefined) return done
    // In this order: what is in the lake at the first look and not under way at the second is finished.
    const through = await lake.lastPublish('hourly')
    if (await isUnderWay(options, 'hourly')) return done
    const same = await sameMoment(options, day, some)
    if (same === undefined) continue
    if (same === 'no hours') {
      for (const merchant of some) done.add(merchant)
      continue
    }
    const erased = [...(await store.erasedOf(some)).values()].flat()
    const days = some.map((merchant) => ({ merchant, day }))
    const work: RecomputeWork = { ...same, generation, hitGenerations, days, erased, publish: through }
    const answer = await inTurn(options, 'hourly', lease, (turn) => lake.recomputeHourly(work, { turn, through }))
    if (answer === null) continue
    // Hits of its last bucket may lie on the next day, and visits hang on the days of hits.
    const touched = days.flatMap(({ merchant }) => [day, day + 1].map((each) => ({ merchant, day: each })))
    await tellReaders(options, 'hourly', lease, touched)
    for (const merchant of some) done.add(merchant)
  }
  return done
}

/**
 * `hits` as of a moment at which `hourly` holds the same hits of the day: nothing of the day waits to be published that would
 * be seen in one of them only, and no commit changed it between the two looks. Undefined where there was none; `no hours`
 * where nothing was ever counted, so nothing is to be replaced.
 */
async function sameMoment(
  { store, reads, jobs }: EraseRoundOptions,
  day: number,
  merchants: readonly MerchantId[],
): Promise<Pick<RecomputeWork, 'hits' | 'hourly' | 'both'> | 'no hours' | undefined> {
  const of = new Set<MerchantId>(merchants)
  for (let attempt = 1; attempt <= sameMomentMaxTries; attempt++) {
    const before = await store.versionsSince(Number.MAX_SAFE_INTEGER)
    const hits = await store.tableView('hits')
    const hourly = await store.tableView('hourly')
    const { changes, reset } = await store.versionsSince(before.commit)
    // The last bucket of the day ends on the next.
    if (hourly.pending.some((file) => isOf(file, day, day))) return undefined
    if (reads === 'published' && hits.pending.some((file) => isOf(file, day, day + 1))) return undefined
    if (reset || changes.some((each) => each.day === day && of.has(each.merchant))) continue
    if (hourly.snapshot === null) {
      // What waits is published before the next round.
      return hourly.pending.length === 0 ? 'no hours' : undefined
    }
    return {
      hits: visible({ reads }, hits),
      hourly: hourly.snapshot,
      ...(jobs && { both: bothOf(before.positions, jobs) }),
    }
  }
  return undefined
}

/** By partition the place up to which both jobs have read; one that a job has not begun is read by none. */
function bothOf(
  positions: readonly { readonly job: string; readonly partition: number; readonly next: number }[],
  jobs: NonNullable<EraseRoundOptions['jobs']>,
): NonNullable<RecomputeWork['both']> {
  const placesOf = (job: string) =>
    new Map(positions.filter((each) => each.job === job).map(({ partition, next }) => [partition, next]))
  const [hits, hourly] = [placesOf(jobs.hits), placesOf(jobs.hourly)]
  return [...new Set([...hits.keys(), ...hourly.keys()])].flatMap((partition) => {
    const [one = 0, other = 0] = [hits.get(partition), hourly.get(partition)]
    return one === other ? [] : [{ partition, next: Math.min(one, other) }]
  })
}

function isOf({ firstDay, lastDay }: StagedFile, first: number, last: number): boolean {
  return firstDay <= last && lastDay >= first
}

function visible({ reads }: Pick<EraseRoundOptions, 'reads'>, view: TableView): TableView {
  return reads === 'pending' ? view : { ...view, pending: [] }
}
