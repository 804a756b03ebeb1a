/**
 * What a new measurement says beside the last recorded one. Noise is what the rounds of one run differ by: two figures
 * are different only where the spreads of their rounds do not meet. docs/how-to/measure.md states the rule.
 */
import type { Figure, MeasurementRecord } from './record.ts'

/** `other`: settings or machine were others, or the machine was busier, so that all but ratios says nothing. */
export type Change = 'better' | 'worse' | 'same' | 'new' | 'other'

/** A figure that was measured once is taken to be off by so much, as a share of it, where it depends on time. */
export const timesTolerance = 0.2
/** The same where it does not: bytes, rows, files. */
export const countsTolerance = 0.02
/** Absolute times and rates are compared only where the loads before both runs are no further apart, per core. */
export const loadTolerance = 0.5
/** Beyond so much load before, per core, nothing is compared that waits: whoever waits for more loses more, ratios included. */
export const busyLoad = 2

/** What a run has to be like another for their absolute figures to be compared. */
export type RunOf = Pick<MeasurementRecord, 'command' | 'machine' | 'loadBefore'>

export function compare(figure: Figure, now: RunOf, last: MeasurementRecord | undefined): Change {
  const before = last?.figures.find(({ name }) => name === figure.name)
  if (last === undefined || before === undefined || before.unit !== figure.unit) return 'new'
  if (figure.unit !== 'ratio' && settingsOf(now) !== settingsOf(last)) return 'other'
  if (dependsOnTime(figure) && !isLike(now, last)) return 'other'
  if (figure.unit === 'ratio' && !isByProcessorTime(figure) && isBusy(now)) return 'other'
  const [low, high] = noiseOf(figure)
  const [lowBefore, highBefore] = noiseOf(before)
  if (low <= highBefore && lowBefore <= high) return 'same'
  return figure.value > before.value === isBetterHigher(figure) ? 'better' : 'worse'
}

/** Between what and what the figure may truly be. */
export function noiseOf(figure: Figure): readonly [number, number] {
  if (figure.spread !== undefined) return figure.spread
  const depends = dependsOnTime(figure) || figure.unit === 'ratio'
  const off = Math.abs(figure.value) * (depends ? timesTolerance : countsTolerance)
  return [figure.value - off, figure.value + off]
}

/** Ratios were measured side by side and bytes are counted; the rest is as fast as the machine was. */
function dependsOnTime({ unit }: Figure): boolean {
  return !['ratio', 'bytes', 'MB', 'files', 'rows', 'hits'].includes(unit)
}

/** As its goal says; without one, rates and ratios are better higher, times and sizes lower. */
function isBetterHigher({ goal, unit }: Figure): boolean {
  if (goal !== undefined) return goal.at === 'least'
  return unit === 'ratio' || unit.includes('/')
}

/** What neighbours take does not count there. */
function isByProcessorTime({ rates }: Figure): boolean {
  return rates !== undefined && /CPU|processor/.test(rates.unit)
}

function isBusy({ loadBefore, machine }: RunOf): boolean {
  return loadBefore === null || loadBefore > busyLoad * machine.cores
}

/** More pairs measure the same. */
function settingsOf({ command }: Pick<RunOf, 'command'>): string {
  return command.replace(/ --pairs \d+/, '')
}

function isLike(now: RunOf, last: RunOf): boolean {
  const { cpu, cores } = now.machine
  if (cpu !== last.machine.cpu || cores !== last.machine.cores) return false
  if (now.loadBefore === null || last.loadBefore === null) return false
  return Math.abs(now.loadBefore - last.loadBefore) <= loadTolerance * cores
}
