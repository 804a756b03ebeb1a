/** A plan in words, one step a line, branches indented, then what it remembers and costs: what `hitlake explain` prints. */
import { takesFailed } from './check-sinks.ts'
import { describeStep } from './describe.ts'
import { durationText } from './duration.ts'
import { outputsOf, type Plan, type PlanStep } from './node/step.ts'
import { type StepState, stateOf, windowsPerRow } from './state.ts'

/** The text of a plan; ends with a line feed. */
export function explainPlan(plan: Plan): string {
  const lines = [`pipeline ${plan.name}`]
  const walk = (after: string | null, depth: number): void => {
    const next = plan.steps.filter((step) => step.after === after && (after !== null || !takesFailed(step)))
    for (const step of plan.steps) {
      if (step.kind === 'union' && after !== null && step.also.includes(after))
        lines.push(`${'  '.repeat(depth)}joins ${step.name}`)
    }
    for (const [index, step] of next.entries()) {
      // The last continuation stays on its column, so that the main path reads straight down.
      const indent = index < next.length - 1 ? depth + 1 : depth
      lines.push(`${'  '.repeat(indent)}${describeStep(step)}${formerText(step)}`)
      for (const branch of outputsOf(step).filter((output) => output !== step.name)) {
        if (step.kind === 'window' && !plan.steps.some((each) => each.after === branch)) continue
        lines.push(`${'  '.repeat(indent + 1)}${branch.slice(step.name.length + 1)}:`)
        walk(branch, indent + 2)
      }
      walk(step.name, indent)
    }
  }
  walk(null, 1)
  lines.push(...footer(plan))
  for (const [job, sinks] of Object.entries(plan.jobs)) lines.push(`job ${job}: ${sinks.join(', ')}`)
  return `${lines.join('\n')}\n`
}

function formerText(step: PlanStep): string {
  return step.was === undefined ? '' : `, before: ${step.was.join(', ')}`
}

/** State, too late rows and cost. */
function footer(plan: Plan): readonly string[] {
  const failed = plan.steps.find((step) => step.after === null && takesFailed(step))
  const lines = failed === undefined ? [] : [`what cannot be processed: ${describeStep(failed)}`]
  for (const step of plan.steps) {
    const state = stateOf(plan, step)
    if (state !== undefined) lines.push(stateText(state))
  }
  if (plan.stateMaxBytes !== undefined) {
    lines.push(`state of windows: at most ${plan.stateMaxBytes} bytes a partition, then reading stops`)
  }
  for (const step of plan.steps) {
    if (step.kind !== 'window') continue
    const dropped = step.lateness !== 'unbounded' && !plan.steps.some((each) => each.after === `${step.name}.tooLate`)
    if (dropped) lines.push(`too late for ${step.name}: dropped, counted as too_late`)
  }
  const read = plan.steps.find((step) => step.kind === 'read')
  if (read === undefined) return lines
  const windows = plan.steps.filter((step) => step.kind === 'window').map(windowCost(plan))
  return [
    ...lines,
    `cost: ${[...windows, `no shuffle, all state is local to a partition of ${read.partitionKey}`].join('; ')}`,
  ]
}

function stateText({ step, what, key, forMs, bytesPerKey }: StepState): string {
  return `state ${step}: ${what} (${key.join(', ')}), for up to ${durationText(forMs)}, about ${bytesPerKey} bytes a key`
}

function windowCost(plan: Plan): (step: PlanStep & { kind: 'window' }) => string {
  return (step) => {
    const windows = windowsPerRow(step.assign)
    const group = plan.steps.find((each) => each.after === step.name && each.kind === 'group')
    const sets = group?.kind === 'group' ? Object.keys(group.sets).length : 1
    return `${step.name} adds each row to ${windows * sets} ${windows * sets === 1 ? 'total' : 'totals'}`
  }
}
