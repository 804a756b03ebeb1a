/** Checks of windows over a feed, how they are grouped, and when they give panes. */

import { windowsPerRowMax } from '../core/window/hopping.ts'
import { checkMergeable } from './check-aggregate.ts'
import { checkColumn, readers, refuse } from './check-column.ts'
import { durationText } from './duration.ts'
import type {
  CloseEmitStep,
  EmitStep,
  Plan,
  PlanStep,
  RowType,
  TableWindowAssign,
  WindowAssign,
  WindowStep,
} from './node/step.ts'
import { windowsPerRow } from './state.ts'
import { givesSeveralPanes, windowChain } from './window-chain.ts'

const keyTypes: readonly RowType[] = ['string', 'boolean', 'int', 'long', 'bigint', 'instant']

/** @throws InvalidPlanError */
export function checkWindow(plan: Plan, step: WindowStep): void {
  checkAssign(step.name, step.assign, step.code)
  const { lateness } = step
  if (lateness !== 'unbounded' && !wholeFrom(0, lateness)) {
    refuse(step.name, `has a lateness of ${lateness} ms; it is a whole number from 0, or unbounded`)
  }
  const tooLate = readers(plan, `${step.name}.tooLate`)[0]
  if (lateness === 'unbounded' && tooLate !== undefined) {
    refuse(tooLate.name, `reads '${step.name}.tooLate', but with unbounded lateness no row is ever too late`)
  }
  const above = plan.steps.find((each) => each.name === step.after)
  const grouped = above?.kind === 'groupBy'
  const next = onlyReader(plan, step.name)
  if (grouped && next?.kind !== 'aggregate') {
    refuse(
      step.name,
      next?.kind === 'group' || next?.kind === 'groupBy'
        ? `is grouped twice, by '${above.name}' and '${next.name}'`
        : 'has no aggregate after it: nothing to emit',
    )
  }
  if (!grouped && next?.kind !== 'group' && next?.kind !== 'groupBy') {
    refuse(step.name, 'has no groupBySets or groupBy after it: nothing to emit')
  }
  const chain = windowChain(plan, step)
  if (chain === undefined) return
  if (givesSeveralPanes(chain) && chain.emit.panes === 'discarding') checkMergeable(chain.aggregate)
  if ('on' in chain.emit) checkClose(step, chain.emit)
  else if (step.assign.kind === 'session') {
    refuse(
      chain.emit.name,
      'emits every epoch, but pauses are found over many epochs, and nothing would remember the rows before; emit on close',
    )
  }
}

/** `zone`: what names it, code or a column; null where nothing does. @throws InvalidPlanError */
export function checkAssign(name: string, assign: WindowAssign | TableWindowAssign, zone: string | null): void {
  const times = Object.entries(assign).filter(([part]) => part.endsWith('Ms'))
  for (const [part, ms] of times) {
    if (part === 'atMostMs' && ms === 0) {
      refuse(name, 'has no atMost: a key that never pauses would keep one window, and its state, for ever')
    }
    if (!wholeFrom(part === 'offsetMs' ? 0 : 1, ms as number)) {
      refuse(name, `has ${part} of ${ms}; a whole number of milliseconds above 0 is needed`)
    }
  }
  if ((assign.kind === 'calendar') !== (zone !== null)) {
    refuse(
      name,
      assign.kind === 'calendar' ? 'names no zone' : `names a zone, which windows of kind '${assign.kind}' have not`,
    )
  }
  switch (assign.kind) {
    case 'fixed':
      checkOffset(name, assign.offsetMs, assign.sizeMs)
      break
    case 'hopping':
      checkHopping(name, assign)
      break
    case 'session':
      if (assign.atMostMs < assign.gapMs) {
        refuse(
          name,
          `is cut at ${durationText(assign.atMostMs)}, before its pause of ${durationText(assign.gapMs)} could end it`,
        )
      }
      break
    case 'calendar':
      if (assign.weekStart !== undefined && assign.unit !== 'week') {
        refuse(name, `begins on ${assign.weekStart}, but a ${assign.unit} has no first day of the week`)
      }
      break
  }
}

function checkHopping(name: string, assign: WindowAssign & { kind: 'hopping' }): void {
  const { sizeMs, everyMs, offsetMs } = assign
  if (everyMs > sizeMs) {
    refuse(
      name,
      `begins every ${durationText(everyMs)} and ends after ${durationText(sizeMs)}: rows between two windows would be in none`,
    )
  }
  checkOffset(name, offsetMs, everyMs)
  const windows = windowsPerRow(assign)
  if (windows > windowsPerRowMax) {
    refuse(
      name,
      `puts each row into ${windows} windows, at most ${windowsPerRowMax}; begin less often, or make them shorter`,
    )
  }
}

function checkOffset(name: string, offsetMs: number, belowMs: number): void {
  if (offsetMs >= belowMs)
    refuse(name, `has an offset of ${durationText(offsetMs)}; below ${durationText(belowMs)} says the same`)
}

/** @throws InvalidPlanError */
export function checkGroupBy(plan: Plan, step: PlanStep & { kind: 'groupBy' }, partitionKey: string): void {
  if (step.by.length === 0) refuse(step.name, 'groups by no column')
  if (!step.by.includes(partitionKey)) {
    refuse(
      step.name,
      `needs '${partitionKey}' among its columns: state is local to a partition of '${partitionKey}', so a group over several would be counted in parts`,
    )
  }
  for (const [at, column] of step.by.entries()) {
    if (step.by.indexOf(column) !== at) refuse(step.name, `groups twice by '${column}'`)
    checkColumn(step.name, step.columns, column, keyTypes)
  }
  const windowed = plan.steps.some((each) => each.kind === 'window' && each.name === step.after)
  const next = onlyReader(plan, step.name)?.kind
  if (windowed && next !== 'aggregate') refuse(step.name, 'has no aggregate after it')
  if (!windowed && next !== 'window') {
    refuse(step.name, 'has no window before or after it: its state would never end')
  }
}

/** @throws InvalidPlanError */
export function checkGroupSets(plan: Plan, step: PlanStep & { kind: 'group' }): void {
  if (Object.keys(step.sets).length === 0) refuse(step.name, 'groups by no set: nothing would come out')
  for (const [set, columns] of Object.entries(step.sets)) {
    if (columns.length > 1) refuse(step.name, `set '${set}' has ${columns.length} columns; a breakdown holds one value`)
    for (const column of columns) checkColumn(step.name, step.columns, column, ['string'])
  }
  if (onlyReader(plan, step.name)?.kind !== 'aggregate') refuse(step.name, 'has no aggregate after it')
}

/** @throws InvalidPlanError */
export function checkEmit(plan: Plan, step: EmitStep): void {
  const next = onlyReader(plan, step.name)?.kind
  if (next !== 'write' && next !== 'collect') refuse(step.name, 'is written nowhere')
  if (!('on' in step)) {
    // Types hold it for the builder; plans also come from files and plain JavaScript.
    const panes: string = step.panes
    if (step.every === 'epoch' && panes === 'discarding') return
    refuse(step.name, `emits ${panes} panes every ${step.every}; nothing is kept between epochs that could grow`)
  }
  const { early, late } = step
  if (early !== null && !wholeFrom(1, 'everyMs' in early ? early.everyMs : early.afterRows)) {
    refuse(step.name, 'emits early after nothing; give a time or a number of rows above 0')
  }
  if (late !== null && !wholeFrom(1, late.afterRows)) {
    refuse(step.name, `emits late after ${late.afterRows} rows; give a whole number above 0`)
  }
}

function checkClose(window: WindowStep, emit: CloseEmitStep): void {
  const { lateness } = window
  if (lateness === 'unbounded') {
    refuse(
      window.name,
      `has unbounded lateness, so no window could ever be forgotten, and ${emit.panes} panes on close would keep state for ever; give a lateness, or emit every epoch`,
    )
  }
  if (lateness === 0 && emit.late !== null) {
    refuse(
      emit.name,
      `emits late panes, but '${window.name}' has no lateness: a row behind its close is too late at once`,
    )
  }
  if (window.assign.kind === 'session' && emit.panes === 'discarding' && givesSeveralPanes({ window, emit })) {
    refuse(
      emit.name,
      'emits parts of windows that may still merge: what was added under a window that is no more could not be found again; emit accumulating panes',
    )
  }
}

/** What reads an output that one step alone may read. @throws InvalidPlanError */
export function onlyReader(plan: Plan, output: string): PlanStep | undefined {
  const [first, second] = readers(plan, output)
  if (first === undefined || second === undefined) return first
  return refuse(output, `is read by '${first.name}' and '${second.name}'; give each a window of its own`)
}

function wholeFrom(least: number, value: number): boolean {
  return Number.isSafeInteger(value) && value >= least
}
