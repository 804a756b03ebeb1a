/** How long a question may take: beyond it is 503, and whatever was asked for it is given up. */
import type { Timers } from '../../../core/ports/clock.ts'
import { ProblemError } from '../problem.ts'

/** Below the time after which proxies usually give up, 60 s, so that the client learns why. */
export const defaultQueryDeadlineMs = 30_000

/**
 * Runs `work` with a signal that is aborted when the client leaves (`client`), when the time is over, and when `work` has
 * ended, so that nothing is asked on for nobody. @throws ProblemError 503 `query_timeout`; else as `work`
 */
export async function withDeadline<Value>(
  options: { readonly timers: Timers; readonly deadlineMs: number; readonly client: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { timers, deadlineMs, client } = options
  const abort = new AbortController()
  const onLeave = () => abort.abort(client?.reason)
  if (client?.aborted) onLeave()
  client?.addEventListener('abort', onLeave, { once: true })
  const cancel = timers.after(deadlineMs, () => {
    const detail = `the answer took longer than ${deadlineMs} ms; ask a shorter range or fewer dimensions, or try again`
    abort.abort(new ProblemError(503, 'query_timeout', detail))
  })
  try {
    return await work(abort.signal)
  } finally {
    cancel()
    client?.removeEventListener('abort', onLeave)
    abort.abort()
  }
}
