/** Many seeds, shared out to lanes, and what came of them. */
import type { Lane } from './lanes.ts'
import type { PlanChoices, Variant } from './plan.ts'
import { lawOf, type RunResult } from './run-seed.ts'

export interface BatchOptions {
  readonly lanes: readonly Lane[]
  /** In the order in which they are begun; it may have no end where `isOver` says one. */
  readonly seeds: Iterable<number>
  readonly choices: Omit<PlanChoices, 'seed'>
  /** Asked before each run: whether no more are begun. */
  readonly isOver?: () => boolean
  readonly shown?: number
  readonly onResult?: (result: RunResult) => void | Promise<void>
}

export interface Failure {
  readonly seed: number
  readonly variant: Variant
  readonly wrong: string
}

export interface Summary {
  readonly runs: Readonly<Record<Variant, number>>
  readonly steps: number
  /** What the runs met, by kind. */
  readonly counts: Readonly<Record<string, number>>
  /** In order of seeds. */
  readonly failures: readonly Failure[]
  /** The first seed that was not begun; undefined where all were. */
  readonly next: number | undefined
}

/** Runs each seed once. @throws Error where a lane ends */
export async function runBatch(options: BatchOptions): Promise<Summary> {
  const { lanes, choices, isOver = () => false, shown, onResult } = options
  const seeds = options.seeds[Symbol.iterator]()
  const runs = { embedded: 0, cluster: 0 }
  const counts: Record<string, number> = {}
  const failures: Failure[] = []
  let steps = 0
  let next: number | undefined
  const work = async (lane: Lane): Promise<void> => {
    for (let { done, value: seed } = seeds.next(); !done; { done, value: seed } = seeds.next()) {
      if (isOver()) {
        next = Math.min(next ?? seed, seed)
        return
      }
      const result = await lane.run({ ...choices, seed }, shown)
      const { variant, wrong } = result
      runs[variant] += 1
      steps += result.steps
      for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count
      if (wrong !== null) failures.push({ seed, variant, wrong })
      await onResult?.(result)
    }
  }
  await Promise.all(lanes.map(work))
  failures.sort((a, b) => a.seed - b.seed)
  return { runs, steps, counts, failures, next }
}

/** A line for each law that was broken: how often, by which seed first, and how that one is run again. */
export function tellFailures(failures: readonly Failure[]): readonly string[] {
  const byLaw = new Map<string, Failure[]>()
  for (const failure of failures) {
    const law = lawOf(failure) ?? ''
    byLaw.set(law, [...(byLaw.get(law) ?? []), failure])
  }
  return [...byLaw].map(([law, of]) => {
    const [first] = of as [Failure]
    const others = of.slice(1, 1 + toldSeeds).map(({ seed, variant }) => `${seed} ${variant}`)
    const more = of.length > 1 + toldSeeds ? ', …' : ''
    const also = others.length > 0 ? `; also ${others.join(', ')}${more}` : ''
    return `${law}: ${of.length}, first npm run sim -- --seed ${first.seed} --variant ${first.variant}${also}`
  })
}

/** Beside the first one. */
const toldSeeds = 20
