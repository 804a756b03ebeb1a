/**
 * Clicks for benches of plans, made as they are asked for, as a decoder makes rows of bytes: a row lives as long as whoever
 * takes it keeps it. Drawn by hashing their number, so the nth is always the same.
 */
import { type EventTime, eventTime } from '../core/event-time.ts'
import type { Click } from '../pipelines/plan/golden/plans.ts'

export interface Clicks {
  readonly length: number
  at(n: number): Click
}

const begin = eventTime('2026-03-01T12:00:00Z')
const peopleMax = 4_000

const names = (count: number, name: string) => Array.from({ length: count }, (_, n) => `${name}${n}`)
const [shops, visitors, pages] = [names(20, 'shop-'), names(peopleMax, 'visitor-'), names(50, '/products/')]
const hashes = visitors.map((_, person) => (BigInt(person) * 2_305_843_009_213_693_951n) & 0x7fff_ffff_ffff_ffffn)

export interface Pace {
  /** At most 4,000. */
  readonly people: number
  readonly everyMs: number
}

/** Of 20 shops, by default one every 100 ms; those of a visitor are in order, others up to 7 s behind each other. */
export function clicksFrom(seed: number, length: number, pace: Pace = { people: 4_000, everyMs: 100 }): Clicks {
  const { people, everyMs } = pace
  return {
    length,
    at(n) {
      const drawn = mixed(n, seed)
      const more = mixed(n, drawn)
      const person = drawn % people
      const received = (begin + n * everyMs) as EventTime
      return {
        shop: shops[person % 20] as string,
        visitor: visitors[person] as string,
        page: pages[more % 50] as string,
        at: (received - (person % 8) * 1_000) as EventTime,
        received,
        hash: hashes[person] as bigint,
        cents: BigInt((more >>> 8) % 100 === 0 ? -1 : (more >>> 8) % 10_000),
        robot: (drawn >>> 16) % 20 === 0,
      }
    },
  }
}

const behind = [360, 80, 12, 2, 1]

/** One in ten up to so much behind: late, correcting what was given, too late. */
export function disordered(clicks: Clicks, mostMs = 7_200_000): Clicks {
  return {
    length: clicks.length,
    at(n) {
      const click = clicks.at(n)
      const drawn = mixed(n, 77)
      if (drawn % 10 > 0) return click
      const most = Math.floor(mostMs / (behind[(drawn >>> 8) % behind.length] as number))
      return { ...click, at: (click.at - (mixed(n, drawn) % most)) as EventTime }
    },
  }
}

/** 32 bits that look drawn (the finaliser of MurmurHash3). */
function mixed(n: number, seed: number): number {
  let bits = (n ^ Math.imul(seed, 0x9e37_79b1)) | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
