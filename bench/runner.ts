/**
 * Runs benchmarks the only way a noisy machine allows: a control beside every figure, in the same process, in turn
 * (control, candidate, control, candidate, …), and the ratio taken pair by pair. Absolute figures are printed for
 * orientation only; the ratio's median is the result, its spread says how far to trust it.
 */
export interface Bench {
  readonly name: string
  /** What one run counts per second: `hits/s`, `requests/s`, … */
  readonly unit: string
  /** The least ratio we want; null where the figure is only watched. Reported, never enforced. */
  readonly goal?: number
  /** Runs once before the first and after the last pair. */
  readonly setup?: () => Promise<void>
  readonly teardown?: () => Promise<void>
  readonly control: BenchSide
  readonly candidate: BenchSide
}

export interface BenchSide {
  readonly name: string
  /** One measured run; returns units per second. */
  run(): Promise<number>
}

export interface BenchResult {
  readonly name: string
  readonly unit: string
  readonly goal: number | null
  readonly control: { readonly name: string; readonly median: number }
  readonly candidate: { readonly name: string; readonly median: number }
  /** candidate / control, of each pair */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number; readonly pairs: number }
}

/** Runs one bench: `warmups` pairs uncounted, then `pairs` counted. */
export async function runBench(bench: Bench, rounds: { pairs: number; warmups: number }): Promise<BenchResult> {
  await bench.setup?.()
  try {
    const controls: number[] = []
    const candidates: number[] = []
    for (let round = -rounds.warmups; round < rounds.pairs; round++) {
      const control = await bench.control.run()
      const candidate = await bench.candidate.run()
      if (round < 0) continue
      controls.push(control)
      candidates.push(candidate)
    }
    const ratios = candidates.map((candidate, i) => candidate / (controls[i] ?? Number.NaN))
    return {
      name: bench.name,
      unit: bench.unit,
      goal: bench.goal ?? null,
      control: { name: bench.control.name, median: median(controls) },
      candidate: { name: bench.candidate.name, median: median(candidates) },
      ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios), pairs: ratios.length },
    }
  } finally {
    await bench.teardown?.()
  }
}

/** One line a person can read. */
export function formatResult(result: BenchResult): string {
  const { ratio, goal } = result
  const verdict = goal === null ? '' : ` (goal ${goal.toFixed(2)}: ${ratio.median >= goal ? 'met' : 'MISSED'})`
  return (
    `${result.name}: ${ratio.median.toFixed(2)}${verdict}, spread ${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)} over ${ratio.pairs} pairs; ` +
    `${result.candidate.name} ${figure(result.candidate.median)} against ${result.control.name} ${figure(result.control.median)} ${result.unit}`
  )
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

function figure(value: number): string {
  if (value >= 100_000) return `${Math.round(value / 1000)}k`
  if (value >= 100) return String(Math.round(value))
  return value.toPrecision(3)
}
