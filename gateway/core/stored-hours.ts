/**
 * Where stored hours may be counted after a merchant's zone was changed. Rows of `hourly` are hours of the zone that was
 * stamped on their hits; hits may come late, so before a change hours of the old zone and of the new one lie side by side,
 * and some time after it, while collectors still go by the old one. A bucket is the sum of the rows that start in it where
 * both its borders are borders of hours in every zone whose hours may lie there; else its hits must be counted.
 *
 * A rerun in present zones makes hours without those of former ones, if all hits that these were stamped on had been
 * processed when it was asked for: none of them can come to its generation by another way.
 */
import { minuteMs } from '../../core/event-time.ts'
import { type GenerationStretch, generationsWithin } from '../../core/generations.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import type { BucketRange } from '../../core/ports/query-engine.ts'
import { calendarBucket, isBucketStart, longestHourMs } from '../../core/time/calendar.ts'
import { defaultKeyTtlMs } from './keys.ts'

/** Between the clocks of two processes at most. */
export const clocksApartMaxMs = minuteMs

/**
 * After a change of zone by the clock of the process that made it: collectors stamp the former zone no more, by theirs. No
 * hit is later than its receipt, so no hour of that zone lies behind.
 */
export const formerZoneMarginMs = defaultKeyTtlMs + clocksApartMaxMs

/** Questions that were planned by zones which the store no longer has are planned again, so often. */
export const zonePlansMax = 3

export type HourZones = Pick<Merchant, 'timeZone' | 'formerZones'>

/** The zones are others than those that a question was planned by. */
export class ZonesChangedError extends Error {
  override readonly name = 'ZonesChangedError'
  constructor(readonly zones: HourZones) {
    super(`the merchant's zone is ${zones.timeZone} by now`)
  }
}

/** When the last collector has stopped stamping a former zone; -Infinity where there is none. */
export function zonesSettleAt({ formerZones = [] }: HourZones): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...formerZones.map(({ until }) => until + formerZoneMarginMs))
}

export function isSameZones(a: HourZones, b: HourZones): boolean {
  const textOf = ({ timeZone, formerZones = [] }: HourZones) =>
    JSON.stringify([timeZone, formerZones.map((former) => [former.timeZone, former.until])])
  return textOf(a) === textOf(b)
}

export interface HourFacts {
  readonly zones: HourZones
  /** Which generations answer the merchant's rows of `hourly`. */
  readonly stretches: readonly GenerationStretch[]
  /** Of a generation in present zones: hits received before had been processed when it was asked for. */
  readonly zonesAsOf: (generation: number) => number | undefined
}

/**
 * Whether the rows that start in a bucket are the hits in it, of buckets whose borders are borders of hours in the present
 * zone.
 */
export function hoursHold(facts: HourFacts): (bucket: BucketRange) => boolean {
  const { timeZone, formerZones = [] } = facts.zones
  if (formerZones.length === 0) return () => true

  /** Former zones whose hours may lie around the instant. */
  function formerAt(at: number): readonly string[] {
    const near = generationsWithin(facts.stretches, { from: at - longestHourMs, to: at + 1 })
    return formerZones.flatMap((former) => {
      const settled = former.until + formerZoneMarginMs
      const isPossible = at < settled && near.some((each) => !(Number(facts.zonesAsOf(each)) >= settled))
      return isPossible && former.timeZone !== timeZone ? [former.timeZone] : []
    })
  }

  const isBorder = (at: number) => formerAt(at).every((zone) => isBucketStart('hour', zone, at))
  // An hour over midnight is answered by the generation of where it begins: in two zones that may be both, or none.
  const isHandedOver = (at: number) => {
    const { start } = calendarBucket('hour', timeZone, at)
    return formerAt(at).every((zone) => calendarBucket('hour', zone, at).start === start)
  }
  const handovers = facts.stretches.flatMap(({ from }) => (from === null ? [] : [from]))
  return ({ start, end }) =>
    isBorder(start) && isBorder(end) && handovers.every((at) => at <= start || at >= end || isHandedOver(at))
}
