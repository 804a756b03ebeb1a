/** Durations as people write them in configuration: a whole number and its unit, `250ms`, `90s`, `15m`, `24h`, `30d`. */

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds, or undefined where the text is no duration or exceeds what a number holds exactly. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,15})(ms|s|m|h|d)$/.exec(text.trim())
  if (match === null) return undefined
  const ms = Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]
  return Number.isSafeInteger(ms) ? ms : undefined
}
