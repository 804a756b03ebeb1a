/**
 * The life of a server process: start, run, and stop in order when asked. The first SIGINT or SIGTERM drains and stops,
 * a second one ends at once. Exit codes: 0 stopped in order, 1 could not start or stop, 130 cut off.
 */
import { ConfigError } from '../core/config/parse-config.ts'
import { PlatformError } from '../core/errors.ts'

export interface Running {
  stop(): Promise<void>
}

/** The parts of the process this needs; `process` itself in the command, a script in tests. */
export interface ProcessSignals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): void
  exit(code: number): void
  /** A line for the operator on standard error. */
  complain(line: string): void
}

/** Resolves once it has said how the process ends. A signal during the start stops what was started as soon as it is. */
export async function runUntilSignal(signals: ProcessSignals, start: () => Promise<Running>): Promise<void> {
  let signalled = false
  let ask: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const onSignal = (): void => {
    if (signalled) signals.exit(130)
    signalled = true
    ask()
  }
  signals.on('SIGINT', onSignal)
  signals.on('SIGTERM', onSignal)

  try {
    const running = await start()
    await asked
    await running.stop()
  } catch (error) {
    signals.complain(explain(error))
    signals.exit(1)
    return
  }
  signals.exit(0)
}

/** Our own errors say what to do in their message; anything else is a fault of ours, whose place helps to report it. */
export function explain(error: unknown): string {
  if (error instanceof PlatformError || error instanceof ConfigError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
