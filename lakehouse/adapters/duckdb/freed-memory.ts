/**
 * Memory that DuckDB has freed goes back to the system. The C library keeps it otherwise, for each thread that ever ran a
 * statement, and a process that works for days grows by it. DuckDB hands it back (`malloc_trim`) when its memory limit is
 * set, to the same value too; its own settings for that do so only while a thread of its own idles, or near the limit.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Timers } from '../../../core/ports/clock.ts'

/** Some 25 ms of one thread for 200 MB, beside everything else. */
export const returnMemoryEveryMs = 60_000

/** The limit that `bytes` are, in DuckDB's words: whole KiB. */
export function memoryLimitText(bytes: number): string {
  return `${Math.floor(bytes / 1024)}KiB`
}

/**
 * Hands back what the whole process has freed, whichever instance used it; `memoryLimitBytes` is the instance's limit and
 * stays so. Where the C library keeps nothing, it does nothing.
 */
export async function returnFreedMemory(instance: DuckDBInstance, memoryLimitBytes: number): Promise<void> {
  const connection = await instance.connect()
  try {
    await connection.run(`SET GLOBAL memory_limit = '${memoryLimitText(memoryLimitBytes)}'`)
  } finally {
    connection.closeSync()
  }
}

/**
 * Does so every `returnMemoryEveryMs`, one at a time, until stopped; `stop` resolves when none is under way. One that fails
 * is tried again at the next: nothing but memory depends on it.
 */
export function keepReturningMemory(options: {
  readonly instance: DuckDBInstance
  readonly memoryLimitBytes: number
  readonly timers: Timers
}): { stop(): Promise<void> } {
  const { instance, memoryLimitBytes, timers } = options
  let stopped = false
  let underWay: Promise<void> = Promise.resolve()
  let cancel = waitForNext()

  function waitForNext(): () => void {
    return timers.after(returnMemoryEveryMs, () => {
      underWay = returnFreedMemory(instance, memoryLimitBytes)
        .catch(() => undefined)
        .then(() => {
          if (!stopped) cancel = waitForNext()
        })
    })
  }

  return {
    async stop() {
      stopped = true
      cancel()
      await underWay
    },
  }
}
