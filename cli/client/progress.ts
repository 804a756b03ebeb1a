/**
 * How far a command has come: on a terminal one line that is written over, with rate and time left; elsewhere a plain line
 * every few seconds, fit for a log.
 */
import type { Clock } from '../../core/ports/clock.ts'

export interface ProgressOutput {
  write(text: string): void
  readonly isTerminal: boolean
  /** Characters of a terminal's line. */
  readonly width?: number
}

export interface Progress {
  at(done: number): void
  /** Ends the line. */
  end(): void
}

const terminalEveryMs = 100
const plainEveryMs = 5_000
const barLength = 24

/** `what` are units done, `total` of them in all. */
export function createProgress(options: {
  readonly out: ProgressOutput
  readonly clock: Pick<Clock, 'monotonic'>
  readonly what: string
  readonly total: number
  /** Done before this run; not counted in the rate. */
  readonly before?: number
}): Progress {
  const { out, clock, what, total, before = 0 } = options
  const started = clock.monotonic()
  let written = started - terminalEveryMs
  let last = before

  const line = (): string => {
    const seconds = (clock.monotonic() - started) / 1_000
    const rate = seconds > 0 ? (last - before) / seconds : 0
    const left = rate > 0 ? Math.max(0, total - last) / rate : Number.NaN
    const share = total === 0 ? 1 : last / total
    const counts = `${last.toLocaleString('en')} of ${total.toLocaleString('en')} ${what}`
    const speed = `${Math.round(rate).toLocaleString('en')}/s`
    const text = `${counts}, ${speed}${Number.isNaN(left) ? '' : `, ${duration(left)} left`}`
    return out.isTerminal ? `${bar(share)} ${text}` : text
  }
  const show = () => {
    if (out.isTerminal) out.write(`\r${line().slice(0, (out.width ?? 120) - 1)}\u001b[K`)
    else out.write(`${line()}\n`)
    written = clock.monotonic()
  }

  return {
    at(done) {
      last = done
      if (clock.monotonic() - written >= (out.isTerminal ? terminalEveryMs : plainEveryMs)) show()
    },
    end() {
      show()
      if (out.isTerminal) out.write('\n')
    },
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * barLength)
  return `${'█'.repeat(full)}${'░'.repeat(barLength - full)}`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.ceil(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
