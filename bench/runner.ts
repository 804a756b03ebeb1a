/**
 * Runs benchmarks the only way a noisy machine allows: a control beside every figure, in the same process, in turn
 * (control, candidate, control, candidate, …), and the ratio taken pair by pair. Absolute figures are printed for
 * orientation only; the ratio's median is the result, its spread says how far to trust it.
 */
import { meetsGoal } from './goals.ts'
import type { Figure, FigureGoal } from './record.ts'

/** What is wanted of a ratio stands in `./goals.ts`. */
export interface Bench {
  readonly name: string
  /** What one run counts per second: `hits/s`, `requests/s`, … */
  readonly unit: string
  /** Runs once before the first and after the last pair. */
  readonly setup?: () => Promise<void>
  readonly teardown?: () => Promise<void>
  readonly control: BenchSide
  readonly candidate: BenchSide
  /** What else came to light: figures besides the ratio, asked for after the last pair, before the teardown. */
  readonly also?: (result: BenchResult) => readonly Figure[]
}

export interface BenchSide {
  readonly name: string
  /** One measured run; returns units per second. */
  run(): Promise<number>
}

export interface BenchResult {
  readonly name: string
  readonly unit: string
  readonly control: { readonly name: string; readonly median: number }
  readonly candidate: { readonly name: string; readonly median: number; readonly min: number; readonly max: number }
  /** candidate / control, of each pair */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number; readonly pairs: number }
}

/** Whoever only asks for some numbers again may want fewer pairs. */
export interface Rounds {
  readonly pairs: number
  readonly warmups: number
}

/** Runs one bench: `warmups` pairs uncounted, then `pairs` counted. */
export async function runBench(
  bench: Bench,
  rounds: Rounds,
): Promise<{ readonly result: BenchResult; readonly figures: readonly Figure[] }> {
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
    const result: BenchResult = {
      name: bench.name,
      unit: bench.unit,
      control: { name: bench.control.name, median: median(controls) },
      candidate: { name: bench.candidate.name, ...range(candidates) },
      ratio: { ...range(ratios), pairs: ratios.length },
    }
    return { result, figures: [figureOf(result), ...(bench.also?.(result) ?? [])] }
  } finally {
    await bench.teardown?.()
  }
}

/** The ratio as a record keeps it. */
function figureOf({ name, unit, control, candidate, ratio }: BenchResult): Figure {
  return {
    name,
    value: rounded(ratio.median),
    unit: 'ratio',
    control: control.name,
    spread: [rounded(ratio.min), rounded(ratio.max)],
    rates: { ours: rounded(candidate.median), control: rounded(control.median), unit },
    note: `${ratio.pairs} pairs`,
  }
}

/** What the candidate did by itself, for goals that are no ratios. */
export function byItself({ name, unit, candidate, ratio }: BenchResult): Figure {
  return {
    name: `${name}, by itself`,
    value: rounded(candidate.median),
    unit,
    spread: [rounded(candidate.min), rounded(candidate.max)],
    note: `${ratio.pairs} runs`,
  }
}

/** One line a person can read. */
export function formatResult(result: BenchResult, goal?: FigureGoal): string {
  const { ratio } = result
  const verdict = goal === undefined ? '' : ` (goal ${goal.value.toFixed(2)}: ${isMet(ratio.median, goal)})`
  return (
    `${result.name}: ${ratio.median.toFixed(2)}${verdict}, spread ${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)} over ${ratio.pairs} pairs; ` +
    `${result.candidate.name} ${shortened(result.candidate.median)} against ${result.control.name} ${shortened(result.control.median)} ${result.unit}`
  )
}

function isMet(value: number, goal: FigureGoal): 'met' | 'MISSED' {
  return meetsGoal({ value, goal }) === true ? 'met' : 'MISSED'
}

function range(values: readonly number[]): { readonly median: number; readonly min: number; readonly max: number } {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

/** Four digits are more than any of these figures is good for. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** As a person reads it: `105k`, `923`, `2.31`. */
export function shortened(value: number): string {
  if (value >= 100_000) return `${Math.round(value / 1000)}k`
  if (value >= 100) return String(Math.round(value))
  return value.toPrecision(3)
}
