/** The first half of an erasure: the days of `hourly` that count its hits are computed again without them. */
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { Erasure } from '../../../core/ports/erasure-store.ts'
import type { StagedFile, TableView } from '../../../core/ports/lake.ts'
import { type CountedDay, type RecomputeWork, recomputedDaysMax } from '../../../core/ports/lake-removal.ts'
import { type EraseRoundOptions, hitsOf, move, noteOf } from './erase-round.ts'
import { keptFrom } from './retention-round.ts'
import { isUnderWay, tellReaders } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

/** Looks at the two tables for one moment at which both hold the same hits of a day, before it is left to the next round. */
export const sameMomentMaxTries = 4

/**
 * Computes the days of these erasures that are over and not computed yet. Moves on what is done, and back what was and has new
 * hits since; returns those that are `removing` now.
 */
export async function computeDays(
  options: EraseRoundOptions,
  erasures: readonly Erasure[],
  closedDay: number,
): Promise<readonly Erasure[]> {
  const counted = await countedDays(options, erasures)
  const isDone = (erasure: Erasure) => daysOf(erasure).every((each) => isComputed(options, erasure, each))
  const daysOf = ({ id }: Erasure) => counted.get(id) ?? []
  const asked: Erasure[] = []
  const removing: Erasure[] = []
  for (const erasure of erasures) {
    if (erasure.state === 'asked') asked.push(erasure)
    else if (noteOf(options, erasure)?.isComplete === true && isDone(erasure)) removing.push(erasure)
    else {
      // Hits came after its days were computed, or another process computed them: once more.
      const moved = await move(options, erasure, 'asked')
      if (moved !== undefined) asked.push(moved)
    }
  }
  for (const [day, merchants] of undoneDays(options, asked, counted)) {
    if (options.stop.aborted) return []
    if (day > closedDay) continue
    const computed = await computeDay(options, day, merchants)
    for (const erasure of asked.filter(({ merchant }) => computed.has(merchant))) {
      for (const each of daysOf(erasure)) if (each.day === day) noteOf(options, erasure)?.days.set(day, each.hits)
    }
  }
  // Readers who do not know yet go by numbers of before.
  if ((options.owed.get('hourly') ?? []).length > 0) return removing
  for (const erasure of asked.filter(isDone)) {
    const note = noteOf(options, erasure)
    const moved = await move(options, erasure, 'removing')
    if (moved === undefined || note === undefined) continue
    note.isComplete = true
    removing.push(moved)
  }
  return removing
}

type Counted = ReadonlyMap<number, readonly CountedDay[]>

/** Rising by day. */
function undoneDays(
  options: EraseRoundOptions,
  erasures: readonly Erasure[],
  counted: Counted,
): readonly (readonly [number, readonly MerchantId[]])[] {
  const undone = new Map<number, Set<MerchantId>>()
  for (const erasure of erasures) {
    for (const each of counted.get(erasure.id) ?? []) {
      if (isComputed(options, erasure, each)) continue
      undone.set(each.day, (undone.get(each.day) ?? new Set()).add(erasure.merchant))
    }
  }
  return [...undone].sort(([a], [b]) => a - b).map(([day, merchants]) => [day, [...merchants]])
}

function isComputed(options: EraseRoundOptions, erasure: Erasure, { day, hits }: CountedDay): boolean {
  const before = noteOf(options, erasure)?.days.get(day)
  return before !== undefined && hits <= before
}

/** By id of the erasure; days whose hits are kept no more are none: what `hourly` says of them stays. */
async function countedDays(options: EraseRoundOptions, erasures: readonly Erasure[]): Promise<Counted> {
  const { store, lake, generation } = options
  const kept = new Map((await keptFrom(store, options.clock.now())).map(({ merchant, before }) => [merchant, before]))
  const hits = erasures.map(hitsOf)
  const view = visible(options, await store.tableView('hits'))
  const found = new Map<number, CountedDay[]>(erasures.map(({ id }) => [id, []]))
  for (const each of await lake.countedDays(view, generation, hits)) {
    if (each.day * dayMs < (kept.get(each.merchant) ?? Number.NEGATIVE_INFINITY)) continue
    const erasure = erasures[hits.indexOf(each.erased)]
    if (erasure !== undefined) found.get(erasure.id)?.push(each)
  }
  return found
}

/** The merchants whose day was computed. */
async function computeDay(
  options: EraseRoundOptions,
  day: number,
  merchants: readonly MerchantId[],
): Promise<ReadonlySet<MerchantId>> {
  const { store, lake, generation } = options
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
    const erased = [...(await store.erasedOf(some)).values()].flat()
    const days = some.map((merchant) => ({ merchant, day }))
    const work: RecomputeWork = { ...same, generation, days, erased, publish: through }
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
 * be seen in one of them only, and no commit changed it between the two looks. Undefined where there was none.
 */
async function sameMoment(
  { store, reads, jobs }: EraseRoundOptions,
  day: number,
  merchants: readonly MerchantId[],
): Promise<Pick<RecomputeWork, 'hits' | 'hourly' | 'both'> | undefined> {
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
    // Nothing published yet, so nothing to be replaced either: the next round.
    if (hourly.snapshot === null) return undefined
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
