/** The process that fuzzes; `watch.ts` starts it, and ends it where an input holds it. */
import { readCorpus } from './corpus.ts'
import { runTarget } from './run-target.ts'
import { targetNamed } from './targets.ts'
import { inputWriter, type Order, type Told } from './watched.ts'

const order = JSON.parse(process.argv[2] ?? '{}') as Order
const tell = (told: Told) => new Promise<void>((resolve) => process.send?.(told, () => resolve()))
const now = () => Number(process.hrtime.bigint()) / 1e6
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const shareOf = (name: string) => targetNamed(name).share ?? 1
const secondsPerShare = order.seconds / order.all.reduce((sum, name) => sum + shareOf(name), 0)

const current = inputWriter(order.currentFile)
for (const name of order.targets) {
  const target = targetNamed(name)
  await tell({ kind: 'begun', target: name })
  const until = now() + secondsPerShare * shareOf(name) * 1_000
  const run = await runTarget(target, {
    seed: order.seed,
    corpus: readCorpus(target).map(({ input }) => input),
    now,
    cpuSeconds,
    goesOn: (inputs) => inputs === 0 || now() < until,
    before: current.write,
  })
  await tell({ kind: 'run', run, inputs: run.findings.map(({ input }) => input.toString('base64')) })
}
current.close()
process.exit(0)
