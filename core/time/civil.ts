/** Dates of the Gregorian calendar as counts of days since 1970-01-01, without a zone. */
import { dayMs } from '../event-time.ts'

const datePattern = /^\d{4}-\d{2}-\d{2}$/

/** `2026-03-29` as a count of days since 1970-01-01; undefined where the text is no date of the calendar. */
export function dayNumber(date: string): number | undefined {
  if (!datePattern.test(date)) return undefined
  const ms = Date.parse(`${date}T00:00:00Z`)
  // Date.parse takes 2026-02-30 for 2026-03-02.
  if (Number.isNaN(ms) || dayText(ms / dayMs) !== date) return undefined
  return ms / dayMs
}

/** The date of a count of days since 1970-01-01. */
export function dayText(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

/** The first day of the month that holds the day. */
export function monthStartDay(day: number): number {
  const date = new Date(day * dayMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / dayMs
}

/** The first day of the month after the one that holds the day. */
export function nextMonthStartDay(day: number): number {
  const date = new Date(day * dayMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / dayMs
}
