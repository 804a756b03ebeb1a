/**
 * What plans keep over a long run: `node --expose-gc dist/bench/windows-memory.js [millions [plan …]]` takes 10 million
 * clicks (`./clicks.ts`, some eleven days) through each golden plan and says, after 1, 5 and 10 million, the heap after
 * garbage is collected, less what it was before the first row, beside what the graph says that its state takes.
 */
import { fixedCount, hoppingDistinct, sessions, stateless } from '../pipelines/plan/golden/plans.ts'
import { clicksFrom } from './clicks.ts'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { graphOf } from './windows.bench.ts'

/** As `--expose-gc` gives it. */
declare const gc: undefined | (() => void)

const plans = { stateless, 'fixed-count': fixedCount, 'hopping-distinct': hoppingDistinct, sessions }
const megabyte = 1_048_576

const [millions = '10', ...names] = process.argv.slice(2)
const total = Number(millions) * 1_000_000
const stops = new Set([total / 10, total / 2, total])

function heapBytes(): number {
  if (typeof gc !== 'function') throw new Error('run it as node --expose-gc')
  gc()
  gc()
  return process.memoryUsage().heapUsed
}

const figures: Figure[] = []
for (const [name, pipeline] of Object.entries(plans)) {
  if (names.length > 0 && !names.includes(name)) continue
  const clicks = clicksFrom(1, total)
  const before = heapBytes()
  let given = 0
  const { graph, offer } = graphOf(pipeline, () => {
    given += 1
  })
  const beyond: number[] = []
  for (let n = 0; n < total; n++) {
    offer(clicks.at(n), n)
    if (!stops.has(n + 1)) continue
    const [heap, declared] = [mb(heapBytes() - before), mb(graph.stateBytes)]
    beyond.push(heap - declared)
    const note = `declared as state of windows: ${declared} MB; ${given.toLocaleString('en')} rows and panes given`
    figures.push({ name: `${name}, heap after ${inMillions(n + 1)} rows`, value: heap, unit: 'MB', note })
  }
  const growth = (beyond.at(-1) ?? Number.NaN) - (beyond[0] ?? Number.NaN)
  figures.push({
    ...{
      name: `${name}, growth from ${inMillions(total / 10)} to ${inMillions(total)} rows`,
      value: mb(growth * megabyte),
    },
    ...{ unit: 'MB', note: 'of the heap beyond declared state' },
  })
}
report({ figures })

function inMillions(rows: number): string {
  return `${rows / 1_000_000} M`
}

function mb(bytes: number): number {
  // Not minus nothing.
  return Math.round((bytes / megabyte) * 10) / 10 || 0
}
