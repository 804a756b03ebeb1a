/**
 * Which units of a derived table have to be made: of a merchant those that a changed day is part of. A unit is closed when
 * its days are over, and so are those after it that decide it.
 */
import { dayMs, utcDay } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { ChangedDay, DerivedTable, DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import { firstDayOfVisits } from '../../../core/retention.ts'
import { bucketsBetween, calendarEarliestMs } from '../../../core/time/calendar.ts'
import { visitsReadDaysAfter, visitsReadDaysBefore } from '../../../core/visits.ts'

/** Changed days read at once. */
export const changedDaysPage = 5_000
/** Units of one derivation: merchants × days. Below what the control store takes. */
export const derivationMaxUnits = 5_000
/** UTC days on which the units of one derivation start: each is a partition that is written. */
export const derivationMaxDays = 31
/** No change further from a unit's start than this makes it: a local day and the days around a visit. */
const unitReachDays = 4

export interface ChangedUnitsOptions {
  readonly store: Pick<ControlStore, 'changedDays' | 'merchantsById'>
  readonly table: DerivedTable
  /** Changes later than this, of units that were closed before. */
  readonly mark: { readonly version: number; readonly day: number } | null
  /** The last day that is over. */
  readonly closedDay: number
  /** Ms: which days of a merchant are kept. */
  readonly now: number
}

/** In batches that one derivation takes, rising by day: closed ones not made yet, and made ones whose days changed since. */
export async function* changedUnits(options: ChangedUnitsOptions): AsyncGenerator<readonly DerivedUnit[]> {
  const { table, mark, closedDay } = options
  const closedOn = (unit: DerivedUnit) => utcDay(unit.end - 1) + daysAfter(table)
  if (mark !== null) {
    yield* units(options, {
      afterVersion: mark.version,
      firstDay: earliestDay,
      keep: (unit) => closedOn(unit) <= Math.min(mark.day, closedDay),
    })
  }
  if (mark === null || closedDay > mark.day) {
    const through = mark?.day ?? Number.NEGATIVE_INFINITY
    yield* units(options, {
      afterVersion: 0,
      firstDay: Math.max(earliestDay, through - unitReachDays),
      keep: (unit) => closedOn(unit) <= closedDay && closedOn(unit) > through,
    })
  }
}

const earliestDay = utcDay(calendarEarliestMs)

/** Days after a unit whose hits decide it too. */
function daysAfter(table: DerivedTable): number {
  return table === 'sessions' ? visitsReadDaysAfter : 0
}

interface Wanted {
  readonly afterVersion: number
  readonly firstDay: number
  readonly keep: (unit: DerivedUnit) => boolean
}

async function* units(options: ChangedUnitsOptions, wanted: Wanted): AsyncGenerator<readonly DerivedUnit[]> {
  /** By start, then merchant, each once; what no later change can name again moves on to the batch. */
  let waiting = new Map<string, DerivedUnit>()
  let batch: DerivedUnit[] = []
  function* ripe(before: number): Generator<readonly DerivedUnit[]> {
    const done = [...waiting.values()].filter(({ start }) => start < before)
    done.sort((a, b) => a.start - b.start)
    waiting = new Map([...waiting].filter(([, { start }]) => start >= before))
    for (const unit of done) {
      const first = batch[0]
      const isFull = batch.length === derivationMaxUnits
      if (first !== undefined && (isFull || utcDay(unit.start) - utcDay(first.start) >= derivationMaxDays)) {
        yield batch
        batch = []
      }
      batch.push(unit)
    }
  }
  let day = Number.NEGATIVE_INFINITY
  for await (const page of changedDays(options, wanted)) {
    const unitsOf = await unitMaker(options, page)
    for (const change of page) {
      if (change.day > day) {
        day = change.day
        yield* ripe((day - unitReachDays) * dayMs)
      }
      for (const unit of unitsOf(change)) {
        if (wanted.keep(unit)) waiting.set(`${unit.start} ${unit.merchant}`, unit)
      }
    }
  }
  yield* ripe(Number.POSITIVE_INFINITY)
  if (batch.length > 0) yield batch
}

async function* changedDays(
  { store, closedDay }: ChangedUnitsOptions,
  { afterVersion, firstDay }: Wanted,
): AsyncGenerator<readonly ChangedDay[]> {
  let after: { day: number; merchant: MerchantId } | undefined
  for (;;) {
    const page = await store.changedDays({
      afterVersion,
      firstDay,
      lastDay: closedDay,
      limit: changedDaysPage,
      ...(after && { after }),
    })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < changedDaysPage) return
    after = { day: last.day, merchant: last.merchant }
  }
}

/** Units that a changed day is part of: visits of days around it whose hits are all kept, local days that share an instant with it. */
async function unitMaker(
  { store, table, now }: ChangedUnitsOptions,
  page: readonly ChangedDay[],
): Promise<(change: ChangedDay) => readonly DerivedUnit[]> {
  const merchants = await store.merchantsById([...new Set(page.map(({ merchant }) => merchant))])
  if (table === 'sessions') {
    const first = new Map(merchants.map((each) => [each.id, firstDayOfVisits(each, now)]))
    return ({ merchant, day }) => {
      const made: DerivedUnit[] = []
      for (let unit = day - visitsReadDaysAfter; unit <= day + visitsReadDaysBefore; unit++) {
        // Of what is left of a day its visits would come out as others than they were.
        if (unit < (first.get(merchant) ?? unit)) continue
        made.push({ merchant, start: unit * dayMs, end: (unit + 1) * dayMs })
      }
      return made
    }
  }
  const zones = new Map(merchants.map(({ id, timeZone }) => [id, timeZone]))
  return ({ merchant, day }) => {
    const zone = zones.get(merchant)
    // A merchant that is gone has no zone, and nobody asks for its days.
    if (zone === undefined) return []
    return bucketsBetween('day', zone, day * dayMs, (day + 1) * dayMs).map(({ start, end }) => ({
      merchant,
      start,
      end,
    }))
  }
}
