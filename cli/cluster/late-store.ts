/**
 * The control store of a process that starts whether or not PostgreSQL answers: opened in the background, again and again,
 * and until then every call is refused as unavailable, which each caller already knows how to bear.
 */
import { ControlStoreUnavailableError } from '../../core/errors.ts'
import type { Timers } from '../../core/ports/clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'

/** Pause between attempts to open. */
export const openRetryMs = 1_000

export interface LateStore {
  /** Stands for the store at any time. */
  readonly store: ClusterStore
  /** Resolves when it is open; rejects where it can never be (a newer version wrote it, say). */
  readonly opened: Promise<void>
  /** Gives up opening, or closes. */
  close(): Promise<void>
}

/** `open` is tried until it succeeds; an error whose `retry` is not `afterBackoff` ends it. */
export function lateStore(options: {
  readonly open: () => Promise<ClusterStore>
  readonly timers: Timers
  readonly onWaiting: (error: unknown) => void
}): LateStore {
  let real: ClusterStore | undefined
  let closed = false
  let cancelPause = () => {}

  async function openUntilDone(): Promise<void> {
    for (;;) {
      try {
        const store = await options.open()
        if (closed) await store.close()
        else real = store
        return
      } catch (error) {
        if (!(error instanceof ControlStoreUnavailableError) || closed) throw error
        options.onWaiting(error)
        await new Promise<void>((resolve) => {
          cancelPause = options.timers.after(openRetryMs, resolve)
        })
      }
    }
  }

  const opened = openUntilDone()
  // Whoever needs it open waits for it; others see refusals.
  opened.catch(() => undefined)

  const store = new Proxy({} as ClusterStore, {
    get(_target, name: keyof ClusterStore | 'then') {
      // Not a promise, though somebody may `await` it.
      if (name === 'then') return undefined
      return (...args: unknown[]) => {
        if (real === undefined) return Promise.reject(new ControlStoreUnavailableError('it was not reached yet'))
        return (real[name] as (...args: unknown[]) => Promise<unknown>).apply(real, args)
      }
    },
  })

  return {
    store,
    opened,
    async close() {
      closed = true
      cancelPause()
      await real?.close()
    },
  }
}
