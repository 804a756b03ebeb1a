/**
 * Instants as merchants send them: epoch milliseconds, or ISO 8601 with a zone. Not `Date.parse`: it takes 30 February,
 * local times and prose.
 */

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
  return typeof value === 'string' ? isoMs(value) : Number.NaN
}

/** Whether `value` is an instant. */
export function isInstant(value: unknown): boolean {
  return !Number.isNaN(instantMs(value))
}

function isoMs(text: string): number {
  if (text.length > isoMaxLength) return Number.NaN
  const parts = isoInstant.exec(text)
  if (parts === null) return Number.NaN
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = parts
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return Number.NaN
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return Number.NaN
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  // A date that does not exist has moved into the next month.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return Number.NaN
  const timeMs = (Number(hour) * 60 + Number(minute)) * 60_000 + Number(second) * 1000
  const offsetMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000
  return date.getTime() + timeMs + Number(fraction.padEnd(3, '0').slice(0, 3)) - (sign === '-' ? -offsetMs : offsetMs)
}
