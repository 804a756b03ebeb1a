/** Durations as authors of pipelines write them: `90s`, `15m`, `24h`, `30d`. */
import { InvalidPlanError } from '../../core/errors.ts'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'

export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: minuteMs, h: hourMs, d: dayMs }

/** Whole milliseconds of a duration. @throws InvalidPlanError naming what was written */
export function durationMs(text: string): number {
  const found = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  const ms = found === null ? Number.NaN : Number(found[1]) * (unitMs[found[2] ?? ''] ?? Number.NaN)
  if (!Number.isSafeInteger(ms)) {
    throw new InvalidPlanError(`'${text}' is not a duration; write a whole number and ms, s, m, h or d, such as 24h`)
  }
  return ms
}

/** The shortest way to write `ms`: `24h`, not `86400000ms`. */
export function durationText(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = unitMs[unit] ?? 1
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}
