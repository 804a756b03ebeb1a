/**
 * The inside of a thread that runs splits of reruns. Its module calls `serveRerunThread` with what opens the lake, plans and
 * data sets of its own there; nothing is shared with the thread that takes hits in but the disk.
 *
 * The thread gives way: on Linux its own priority is the lowest but few (each thread has one), so that with both processors
 * busy live work goes before it, and a rerun takes what is left. Elsewhere a priority is the process's and stays.
 */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { createCaller, serve } from '../../../core/adapters/thread/remote.ts'
import type { SplitRunner } from '../../runtime/rerun/split-runner.ts'
import type { RerunHostStore } from './rerun-thread-calls.ts'

/** Nice value of a thread that runs splits: about a thirtieth of the weight of one at 0. */
export const rerunThreadNice = 15

/** @param open is called once, with the settings that the threads were started with (plain data) */
export function serveRerunThread<Settings>(
  open: (settings: Settings, host: { readonly store: RerunHostStore }) => Promise<SplitRunner>,
): void {
  if (parentPort === null) throw new Error('this module runs in a worker thread')
  if (process.platform === 'linux') setPriority(0, rerunThreadNice)
  const store = createCaller(parentPort).remote<RerunHostStore>('store')
  let runner: Promise<SplitRunner> | undefined
  const splits: SplitRunner = {
    async run(work, answers, options) {
      runner ??= open(workerData as Settings, { store })
      // What could not be opened may be there at the next split.
      runner.catch(() => {
        runner = undefined
      })
      return (await runner).run(work, answers, options)
    },
  }
  serve(parentPort, { splits })
}
