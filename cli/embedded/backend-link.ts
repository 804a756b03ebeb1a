/** The HTTP thread's end of the backend: starts the thread and stands in for what lives there. */
import { Worker } from 'node:worker_threads'
import { createCaller, serve } from '../../core/adapters/thread/remote.ts'
import { remoteControlStore } from '../../core/adapters/thread/remote-control-store.ts'
import type { Offset } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { LakeReader, LakeUpkeep } from '../../core/ports/lake.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { RerunCalls } from './backend.ts'
import type { BackendCalls, HostCalls } from './backend-protocol.ts'

export interface BackendLink extends Omit<BackendCalls, 'durable'> {
  readonly store: ControlStore
  readonly engine: QueryEngine
  /** Only what answers with a value: a scan is a stream and stays in its thread. */
  readonly lake: Pick<LakeReader, 'snapshots'> & LakeUpkeep
  readonly reruns: RerunCalls
  /** Tells how far the log is durable. At most one message is under way: a busy backend hears the newest next. */
  durable(offset: Offset): void
  /** Ends the thread. Whatever was not closed before is as after a crash: nothing committed is lost. */
  terminate(): Promise<void>
}

/**
 * The backend's JavaScript heap: an epoch's rows are the most it holds, dedupe state and DuckDB lie outside. Without a
 * limit V8 collects late, and the process takes 130 MB more than it needs.
 */
export const backendHeap = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 24 } as const

/** `onDied` is called when the thread ends by itself, with what ended it. */
export function startBackendThread(host: HostCalls, onDied: (error: Error) => void): BackendLink {
  const worker = new Worker(new URL('./backend-thread.js', import.meta.url), { resourceLimits: backendHeap })
  const stopServing = serve(worker as never, { host })
  const caller = createCaller(worker as never)
  const calls = caller.remote<BackendCalls>('backend')
  let ending = false

  const died = (error: Error): void => {
    if (ending) return
    ending = true
    caller.close(error)
    onDied(error)
  }
  worker.on('error', died)
  worker.on('exit', (code) => died(new Error(`the backend thread ended with ${code}`)))

  let told = 0 as Offset
  let newest = 0 as Offset
  let telling = false
  async function tell(): Promise<void> {
    if (telling) return
    telling = true
    try {
      while (told < newest) {
        const offset = newest
        await calls.durable(offset)
        told = offset
      }
    } catch {
      // Only a thread that is gone does not answer; `died` says so.
    } finally {
      telling = false
    }
  }

  return {
    store: remoteControlStore(caller, 'store'),
    engine: caller.remote<QueryEngine>('engine'),
    lake: caller.remote<LakeReader & LakeUpkeep>('lake'),
    reruns: caller.remote<RerunCalls>('reruns'),
    open: (config, dataDir) => calls.open(config, dataDir),
    startJob: (id, durable) => {
      told = newest = durable
      return calls.startJob(id, durable)
    },
    durable(offset) {
      newest = offset
      void tell()
    },
    drain: () => calls.drain(),
    close: () => calls.close(),
    async terminate() {
      ending = true
      stopServing()
      caller.close(new Error('the backend thread was ended'))
      await worker.terminate()
    },
  }
}
