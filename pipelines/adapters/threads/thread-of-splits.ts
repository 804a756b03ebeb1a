/** One thread that runs splits, from outside. */
import { type MessagePort, Worker } from 'node:worker_threads'
import { createCaller, serve } from '../../../core/adapters/thread/remote.ts'
import type { BoundedSummary } from '../../runtime/bounded/run-bounded.ts'
import type { Split } from '../../runtime/bounded/split.ts'
import type { HostCalls, SplitProgram, ThreadCalls } from './split-calls.ts'

export interface ThreadOfSplits {
  /** Rejects also where the thread ends meanwhile, by itself or by `terminate`. */
  run(split: Split): Promise<BoundedSummary>
  /** Ends it wherever it is. */
  terminate(): Promise<void>
}

export interface ThreadOptions {
  /** split-thread.ts, as this process can load it. */
  readonly entry: URL
  readonly program: SplitProgram
  readonly heapMaxMb: number
  readonly host: HostCalls
}

export function startThreadOfSplits({ entry, program, heapMaxMb, host }: ThreadOptions): ThreadOfSplits {
  const worker = new Worker(entry, { resourceLimits: { maxOldGenerationSizeMb: heapMaxMb } })
  const port = worker as unknown as MessagePort
  const stopServing = serve(port, { host })
  const caller = createCaller(port)
  const splits = caller.remote<ThreadCalls>('splits')
  worker.on('error', (error) => caller.close(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', (code) => caller.close(new Error(`its thread ended with ${code}`)))
  return {
    run: (split) => splits.run(program, split),
    async terminate() {
      stopServing()
      await worker.terminate()
    },
  }
}
