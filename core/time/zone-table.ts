/**
 * What the clocks of a time zone read, as a table of segments of constant offset from UTC. Offsets and clock changes come
 * from Temporal (the time zone data of the runtime); walking them costs milliseconds a decade, so each zone is walked once,
 * in steps of years, as far as anybody asked, and every later question is a binary search.
 */
import { Temporal } from 'temporal-polyfill'

/** Instants the calendar knows for certain: 1900 to 2200 (UTC), half-open. Far outside, RangeError. */
export const calendarEarliestMs = Date.UTC(1900, 0, 1)
export const calendarLatestMs = Date.UTC(2200, 0, 1)

/** Spellings of zones kept in memory. Callers may name a zone in any case, so texts are many although zones are few. */
export const zoneSpellingsMax = 4_096

// A longer reach of the table means fewer walks, a shorter one a faster first answer.
const stepMs = 5 * 365 * 86_400_000
// Longer than any bucket plus the day that calendar arithmetic looks to either side: whoever asks about an instant finds
// all clock changes in the table that can matter to its month.
const marginMs = 70 * 86_400_000
// Names of the IANA database. An offset (`+05:30`) is no zone: shops live in places whose clocks change.
const zoneName = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/

export class ZoneTable {
  /** First instant of each segment, rising; the first segment has no known start. */
  private starts: number[] = []
  private offsets: number[] = []
  private fromMs: number
  private toMs: number
  private lastSegment = 0

  constructor(readonly zone: string) {
    this.fromMs = 0
    this.toMs = 0
    this.starts.push(Number.NEGATIVE_INFINITY)
    this.offsets.push(offsetFromTemporal(zone, 0))
  }

  /** The segment that holds `atMs`; every change of the clock within 70 days of it is in the table. @throws RangeError */
  segmentAt(atMs: number): number {
    // Said so that NaN reaches too, and is refused there.
    if (!(atMs - marginMs >= this.fromMs && atMs + marginMs < this.toMs)) this.reach(atMs)
    const { starts } = this
    const last = this.lastSegment
    if (atMs >= (starts[last] as number) && atMs < this.segmentEnd(last)) return last
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= atMs) low = middle
      else high = middle - 1
    }
    this.lastSegment = low
    return low
  }

  segmentStart(segment: number): number {
    return this.starts[segment] as number
  }

  segmentEnd(segment: number): number {
    return segment + 1 < this.starts.length ? (this.starts[segment + 1] as number) : Number.POSITIVE_INFINITY
  }

  /** What to add to an instant of the segment to get local time, ms. */
  segmentOffset(segment: number): number {
    return this.offsets[segment] as number
  }

  offsetAt(atMs: number): number {
    return this.segmentOffset(this.segmentAt(atMs))
  }

  private reach(atMs: number): void {
    // A margin, because the month at either end of the calendar asks beyond it.
    if (!(atMs >= calendarEarliestMs - marginMs && atMs < calendarLatestMs + marginMs)) {
      throw new RangeError(`the calendar knows the years 1900 to 2199, asked for ${atMs} ms since 1970`)
    }
    if (this.fromMs === this.toMs) this.fromMs = this.toMs = atMs
    if (atMs + marginMs >= this.toMs) {
      const until = atMs + marginMs + stepMs
      for (const change of changesBetween(this.zone, this.toMs, until)) {
        this.starts.push(change)
        this.offsets.push(offsetFromTemporal(this.zone, change))
      }
      this.toMs = until
    }
    if (atMs - marginMs <= this.fromMs) {
      const since = atMs - marginMs - stepMs
      const changes = changesBetween(this.zone, since, this.fromMs)
      this.starts = [Number.NEGATIVE_INFINITY, ...changes, ...this.starts.slice(1)]
      this.offsets = [
        offsetFromTemporal(this.zone, since),
        ...changes.map((change) => offsetFromTemporal(this.zone, change)),
        ...this.offsets.slice(1),
      ]
      this.fromMs = since
    }
    this.lastSegment = 0
  }
}

const tables = new Map<string, ZoneTable>()
const spellings = new Map<string, ZoneTable>()
let lastText = ''
let lastTable: ZoneTable | undefined

/** The table of a zone, in any spelling Temporal knows. @throws RangeError where there is no such zone */
export function zoneTable(zone: string): ZoneTable {
  if (zone === lastText && lastTable !== undefined) return lastTable
  const table = spellings.get(zone) ?? findTable(zone)
  if (table === undefined) throw new RangeError(`not a time zone of the IANA database: ${zone.slice(0, 64)}`)
  lastText = zone
  lastTable = table
  return table
}

/**
 * The name of the zone as the IANA database writes it (`europe/berlin` is `Europe/Berlin`), undefined where there is none.
 * Links stay what they are: `Asia/Kolkata` is not turned into the `Asia/Calcutta` that older data calls its target.
 */
export function canonicalZone(text: string): string | undefined {
  return (spellings.get(text) ?? findTable(text))?.zone
}

/** Whether the text names a zone of the IANA database. */
export function isZone(text: string): boolean {
  return canonicalZone(text) !== undefined
}

/** How many spellings are in memory now. */
export function knownSpellings(): number {
  return spellings.size
}

function findTable(text: string): ZoneTable | undefined {
  if (!zoneName.test(text)) return undefined
  let zone: string
  try {
    zone = new Temporal.ZonedDateTime(0n, text).timeZoneId
  } catch {
    return undefined
  }
  let table = tables.get(zone)
  if (table === undefined) {
    table = new ZoneTable(zone)
    tables.set(zone, table)
  }
  if (spellings.size >= zoneSpellingsMax) spellings.clear()
  spellings.set(text, table)
  return table
}

function offsetFromTemporal(zone: string, atMs: number): number {
  return new Temporal.ZonedDateTime(BigInt(atMs) * 1_000_000n, zone).offsetNanoseconds / 1e6
}

/** Instants in [fromMs, toMs) at which the offset changes. Temporal's search is for changes after an instant, hence − 1. */
function changesBetween(zone: string, fromMs: number, toMs: number): number[] {
  const changes: number[] = []
  let at: Temporal.ZonedDateTime | null = new Temporal.ZonedDateTime(BigInt(fromMs - 1) * 1_000_000n, zone)
  for (;;) {
    at = at.getTimeZoneTransition('next')
    if (at === null || at.epochMilliseconds >= toMs) return changes
    changes.push(at.epochMilliseconds)
  }
}
