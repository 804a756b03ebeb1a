/**
 * Instants, as branded whole milliseconds since 1970-01-01T00:00Z, so that two kinds of time cannot be mixed up:
 * `EventTime` is when a thing happened at the visitor, `ReceivedTime` when a collector took it (ingest time).
 */
export type EventTime = number & { readonly __brand: 'EventTime' }
export type ReceivedTime = number & { readonly __brand: 'ReceivedTime' }

export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

/** The event time that an ISO 8601 text with a zone names. Throws RangeError where the text names none. */
export function eventTime(iso: string): EventTime {
  const ms = Date.parse(iso)
  if (Number.isNaN(ms)) throw new RangeError(`not an instant: ${iso}`)
  return ms as EventTime
}

/** Start of the UTC day that holds `ms`, as a count of days since 1970-01-01 (Iceberg's `day` transform). */
export function utcDay(ms: number): number {
  return Math.floor(ms / dayMs)
}

/** `2026-03-01` for a count of days since 1970-01-01. */
export function utcDayText(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}
