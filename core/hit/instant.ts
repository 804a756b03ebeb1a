/**
 * Instants as merchants send them: epoch milliseconds, or ISO 8601 with a zone. Not `Date.parse`: it takes 30 February,
 * local times and prose.
 */
import { dayMs, hourMs, minuteMs } from '../event-time.ts'

// Date and time of day, optional seconds and fraction, and a zone; no week dates, no ordinal dates, no expanded years.
const isoInstant =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:Z|([+-])(\d{2})(?::?(\d{2}))?)$/
/** Longer texts cannot be instants and are not looked at. */
const isoMaxLength = 40
/** What a Date can hold, ms either side of 1970. */
const instantLimitMs = 8.64e15

/** Milliseconds since 1970, rounded down, or NaN where `value` is no instant. May lie before 1970. */
export function instantMs(value: unknown): number {
  if (typeof value === 'number') return Math.abs(value) <= instantLimitMs ? Math.floor(value) : Number.NaN
  if (typeof value !== 'string' || value.length > isoMaxLength) return Number.NaN
  return isUtcIso(value) ? utcIsoMs(value) : isoMs(value)
}

/** Whether `value` is an instant. */
export function isInstant(value: unknown): boolean {
  return !Number.isNaN(instantMs(value))
}

const utcIso = '0000-00-00T00:00:00.000Z'

/** Whether `text` has the form that `toISOString` writes, as nearly every client does: that needs no pattern matching. */
function isUtcIso(text: string): boolean {
  if (text.length !== utcIso.length) return false
  for (let i = 0; i < utcIso.length; i++) {
    const unit = text.charCodeAt(i)
    const asked = utcIso.charCodeAt(i)
    if (asked === 0x30 ? unit < 0x30 || unit > 0x39 : unit !== asked) return false
  }
  return true
}

function utcIsoMs(text: string): number {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const date = dateMs(year, twoDigits(text, 5), twoDigits(text, 8))
  const time = timeMs(twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17))
  return date + time + (text.charCodeAt(20) - 0x30) * 100 + twoDigits(text, 21)
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30
}

function isoMs(text: string): number {
  const parts = isoInstant.exec(text)
  if (parts === null) return Number.NaN
  const [, year, month, day, hour, minute, second = 0, fraction = '', sign, zoneHour = 0, zoneMinute = 0] = parts
  const date = dateMs(Number(year), Number(month), Number(day))
  const time = timeMs(Number(hour), Number(minute), Number(second))
  const offset = timeMs(Number(zoneHour), Number(zoneMinute), 0)
  return date + time + Number(fraction.padEnd(3, '0').slice(0, 3)) - (sign === '-' ? -offset : offset)
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * The start of a date in UTC, NaN where the calendar has none such. The count of days is Howard Hinnant's
 * `days_from_civil` (public domain): a year begins in March, so that the leap day is its last.
 */
function dateMs(year: number, month: number, day: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = month === 2 && leap ? 29 : (monthDays[month - 1] ?? 0)
  if (day < 1 || day > days) return Number.NaN
  const marchYear = month > 2 ? year : year - 1
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  return (marchYear * 365 + leapDays + dayOfYear - 719_468) * dayMs
}

function timeMs(hour: number, minute: number, second: number): number {
  return hour > 23 || minute > 59 || second > 59 ? Number.NaN : hour * hourMs + minute * minuteMs + second * 1000
}
