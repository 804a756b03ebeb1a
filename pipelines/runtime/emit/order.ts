/**
 * The order of an emission: by UTC day, merchant, hour, then by original position. A hit is filed under the hour it happened
 * in; one that a step refused, under that it was received in. Whatever is read in whatever parts, the order is this one, so
 * a mark in it says what is done and what is not.
 */
import type { FeedHit } from '../../../core/hit.ts'
import { compareText } from '../../../core/text-order.ts'

/** Where a hit stands in the order. */
export interface HistoryKey {
  /** Hours since 1970, UTC. */
  readonly hour: number
  readonly merchant: string
  readonly source: string
  readonly partition: number
  readonly offset: number
  readonly index: number
}

export function historyKey(hour: number, { merchant, source, position }: FeedHit): HistoryKey {
  const { partition, offset, index } = position
  return { hour, merchant, source, partition, offset, index }
}

export const dayOfHour = (hour: number) => Math.floor(hour / 24)

/** Negative where `a` comes before `b`; 0: it is the same hit. */
export function compareKeys(a: HistoryKey, b: HistoryKey): number {
  return (
    dayOfHour(a.hour) - dayOfHour(b.hour) ||
    compareText(a.merchant, b.merchant) ||
    a.hour - b.hour ||
    compareText(a.source, b.source) ||
    a.partition - b.partition ||
    a.offset - b.offset ||
    a.index - b.index
  )
}
