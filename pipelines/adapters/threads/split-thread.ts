/** A thread that runs splits: imports the program once, reads each split, and sends what comes as fast as it is taken. */
import { parentPort } from 'node:worker_threads'
import { createCaller, serve } from '../../../core/adapters/thread/remote.ts'
import { type BoundedProgram, type OpenedProgram, programOf } from '../../runtime/bounded/program.ts'
import type { BoundedResult } from '../../runtime/bounded/result.ts'
import { type BoundedSummary, runBounded } from '../../runtime/bounded/run-bounded.ts'
import { checkSplitOf, expectInSplit, type Split } from '../../runtime/bounded/split.ts'
import { type HostCalls, type SplitProgram, type ThreadCalls, untakenBatchesMax } from './split-calls.ts'

if (!parentPort) throw new Error('this module runs in a worker thread')
const port = parentPort
const host = createCaller(port).remote<HostCalls>('host')

interface Imported {
  readonly program: BoundedProgram
  readonly opened: OpenedProgram
}
let imported: Promise<Imported> | undefined

async function importProgram({ module, export: name }: SplitProgram): Promise<Imported> {
  const program = programOf(await import(module), name, module)
  return { program, opened: await program.open() }
}

const calls: ThreadCalls = {
  async run(of: SplitProgram, split: Split): Promise<BoundedSummary> {
    imported ??= importProgram(of)
    const { program, opened } = await imported
    const { pipeline } = program
    checkSplitOf(pipeline.plan, split)
    const { source, context = {} } = opened
    const untaken: Promise<void>[] = []
    const send = (results: readonly BoundedResult[]) => {
      const taken = host.take(split.name, results)
      // It is awaited below, which may be after it has failed.
      taken.catch(() => {})
      untaken.push(taken)
    }
    const summary = await runBounded({
      ...{ pipeline, context, rows: source.read(split) },
      ...(of.stateMaxBytes !== null && { stateMaxBytes: of.stateMaxBytes }),
      expectKey: (key) => expectInSplit(split, key),
      async output(results) {
        while (untaken.length >= untakenBatchesMax) await untaken.shift()
        send(results)
      },
    })
    await Promise.all(untaken)
    return summary
  },
}
serve(port, { splits: calls })
